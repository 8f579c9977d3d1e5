#include "runtime/ring/record.h"

#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace sluice::ring {
namespace {

constexpr size_t kItemAlignment = 8;
constexpr size_t kAddressBytes = 16;
constexpr size_t kSetBytes = SLUICE_WORDS * sizeof(uint64_t);

source::Status Fault(size_t offset, const char* what) {
  return absl::DataLossError(absl::StrCat("record is malformed at byte ", offset, ": ", what));
}

size_t Padded(size_t length) { return (length + kItemAlignment - 1) / kItemAlignment * kItemAlignment; }

Text TextOf(const sluice_item& item, std::string_view bytes) {
  Text text;
  if (item.flags & SLUICE_ITEM_UNKNOWN) {
    text.state = Text::State::kUnknown;
    return text;
  }
  text.state = Text::State::kPresent;
  text.bytes = bytes;
  text.truncated = (item.flags & SLUICE_ITEM_TRUNCATED) != 0;
  return text;
}

Text* SlotOf(Record& record, uint16_t tag) {
  switch (tag) {
    case SLUICE_ITEM_NAME:
      return &record.name;
    case SLUICE_ITEM_EXEPATH:
      return &record.exepath;
    case SLUICE_ITEM_PATH:
      return &record.path;
    case SLUICE_ITEM_FILENAME:
      return &record.filename;
    case SLUICE_ITEM_ARGS:
      return &record.args;
    case SLUICE_ITEM_ENV:
      return &record.env;
    case SLUICE_ITEM_CWD:
      return &record.cwd;
    case SLUICE_ITEM_COMM:
      return &record.comm;
    case SLUICE_ITEM_CGROUP:
      return &record.cgroup;
    case SLUICE_ITEM_TARGET:
      return &record.target;
    case SLUICE_ITEM_TEXT:
      return &record.text;
    case SLUICE_ITEM_LOCAL:
      return &record.ends[SLUICE_END_LOCAL];
    case SLUICE_ITEM_REMOTE:
      return &record.ends[SLUICE_END_REMOTE];
    default:
      return nullptr;
  }
}

void Clear(Record& record) {
  for (uint16_t tag = SLUICE_ITEM_NAME; tag <= SLUICE_ITEM_REMOTE; ++tag) {
    if (Text* slot = SlotOf(record, tag)) *slot = Text{};
  }
  record.undecided.reset();
  record.audited.reset();
  record.rounds.clear();
}

// `awaits_path`: a ROUND_SET came and its ROUND_PATH has not.
const char* AddRound(Record& record, const sluice_item& item, std::string_view bytes, bool& awaits_path) {
  if (item.tag == SLUICE_ITEM_ROUND_PATH) {
    if (!awaits_path) return "a round's path without its set";
    record.rounds.back().path = TextOf(item, bytes);
    awaits_path = false;
    return nullptr;
  }
  if (awaits_path) return "a round's set without its path";
  if (item.tag == SLUICE_ITEM_ROUND_TEXT) {
    if (record.rounds.empty()) return "a round's text without its set";
    record.rounds.back().text = TextOf(item, bytes);
    return nullptr;
  }
  if (bytes.size() != kSetBytes) return "a round's set has the wrong length";
  if (record.rounds.size() == SLUICE_ROUNDS) return "too many rounds";
  auto& set = record.round_sets[record.rounds.size()];
  std::memcpy(set.data(), bytes.data(), kSetBytes);
  record.rounds.push_back({set.data(), {}, {}});
  awaits_path = true;
  return nullptr;
}

const char* HeaderFault(const sluice_record& header, size_t available) {
  if (header.size < sizeof(sluice_record)) return "the size is smaller than the header";
  if (header.size > available) return "the size exceeds the bytes at hand";
  if (header.kind < SLUICE_RECORD_EVENT || header.kind > SLUICE_RECORD_ATTEMPT) return "unknown kind";
  if (header.hook >= SLUICE_HOOKS) return "unknown hook";
  if (header.type > check::Events().size()) return "unknown event type";
  return nullptr;
}

}  // namespace

source::Status Decode(std::string_view bytes, Record& record) {
  Clear(record);
  if (bytes.size() < sizeof(sluice_record)) return Fault(bytes.size(), "shorter than the header");
  std::memcpy(&record.header, bytes.data(), sizeof(sluice_record));
  if (const char* fault = HeaderFault(record.header, bytes.size())) return Fault(0, fault);

  const size_t size = record.header.size;
  bool awaits_path = false;
  size_t at = sizeof(sluice_record);
  while (at < size) {
    sluice_item item;
    if (size - at < sizeof(item)) return Fault(at, "an item's head is cut off");
    std::memcpy(&item, bytes.data() + at, sizeof(item));
    const size_t body = at + sizeof(item);
    if (item.length > size - body) return Fault(at, "an item is longer than the record");
    const std::string_view value = bytes.substr(body, item.length);
    if (item.tag == SLUICE_ITEM_ROUND_SET || item.tag == SLUICE_ITEM_ROUND_PATH ||
        item.tag == SLUICE_ITEM_ROUND_TEXT) {
      if (const char* fault = AddRound(record, item, value, awaits_path)) return Fault(at, fault);
    } else if (item.tag == SLUICE_ITEM_UNDECIDED) {
      if (value.size() != kSetBytes) return Fault(at, "the undecided set has the wrong length");
      std::memcpy(record.undecided.emplace().data(), value.data(), kSetBytes);
    } else if (item.tag == SLUICE_ITEM_AUDITED) {
      if (value.size() != kSetBytes) return Fault(at, "the audited set has the wrong length");
      std::memcpy(record.audited.emplace().data(), value.data(), kSetBytes);
    } else if (Text* slot = SlotOf(record, item.tag)) {
      const bool is_end = item.tag == SLUICE_ITEM_LOCAL || item.tag == SLUICE_ITEM_REMOTE;
      if (is_end && value.size() != kAddressBytes) return Fault(at, "an address has the wrong length");
      *slot = TextOf(item, value);
    }
    // The last item's padding may be missing: a capture keeps `size` bytes, whatever the ring rounded up.
    at = body + Padded(item.length);
  }
  if (awaits_path) return Fault(size, "a round's set without its path");
  return absl::OkStatus();
}

}  // namespace sluice::ring
