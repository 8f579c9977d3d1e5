#include "compiler/uplan/marks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

namespace sluice::uplan {
namespace {

using check::FieldId;
using check::PredicateId;

constexpr double kFewValues = 0.3;

// Fields of which every event has one of a few values.
bool HasFewValues(const check::Term& term) {
  if (term.kind != check::Term::Kind::kField) return false;
  switch (term.field.field) {
    case FieldId::kEvtType:
    case FieldId::kSyscallType:
    case FieldId::kEvtHook:
    case FieldId::kEvtSource:
    case FieldId::kFdType:
    case FieldId::kFdTypechar:
      return true;
    default:
      return false;
  }
}

// Texts that are put together, and longer than most.
bool IsLine(FieldId field) {
  switch (field) {
    case FieldId::kProcArgs:
    case FieldId::kProcCmdline:
    case FieldId::kProcExeline:
    case FieldId::kProcEnv:
    case FieldId::kProcPcmdline:
    case FieldId::kProcAcmdline:
    case FieldId::kProcAargs:
      return true;
    default:
      return false;
  }
}

Mark::Kind KindOf(Trigger::Kind kind) {
  switch (kind) {
    case Trigger::Kind::kPrefix:
      return Mark::Kind::kPrefix;
    case Trigger::Kind::kPath:
      return Mark::Kind::kPath;
    case Trigger::Kind::kSuffix:
      return Mark::Kind::kSuffix;
    default:
      return Mark::Kind::kSubstring;
  }
}

std::string Lowered(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

template <typename T>
std::string_view BytesOf(const T& object) {
  return {reinterpret_cast<const char*>(&object), sizeof(object)};
}

}  // namespace

Marks::Marks(UserPlan& plan) : plan_(plan) {
  const size_t predicates = plan.checked.predicates.size();
  plan.index.marks_of.resize(predicates);
  frequencies_.resize(predicates);
  learnt_.resize(predicates);
  searched_.resize(plan.slots.size());
}

void Marks::Add(SlotId slot, Mark::Kind kind, std::string_view bytes, double frequency) {
  Index& index = plan_.index;
  const uint64_t hash = std::hash<std::string_view>()(bytes) * 31 + slot * 8ull + static_cast<uint64_t>(kind);
  const auto [begin, end] = ids_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Mark& known = index.marks[it->second];
    if (known.slot != slot || known.kind != kind) continue;
    if (std::string_view(index.bytes).substr(known.begin, known.size) != bytes) continue;
    index.mark_lists.push_back(it->second);
    return;
  }
  const auto id = static_cast<MarkId>(index.marks.size());
  index.marks.push_back(
      {slot, static_cast<uint32_t>(index.bytes.size()), static_cast<uint32_t>(bytes.size()), kind});
  index.bytes += bytes;
  if (kind == Mark::Kind::kSubstring) searched_[slot] = true;
  guesses_.push_back(static_cast<float>(frequency));
  popularity_.push_back(0);
  ids_.emplace(hash, id);
  index.mark_lists.push_back(id);
}

void Marks::AddValues(const check::Predicate& predicate, SlotId slot) {
  const bool few = HasFewValues(predicate.left);
  for (const check::Value& value : predicate.values) {
    const double guess = few ? kFewValues : GuessFrequency(predicate, value);
    switch (predicate.left.type) {
      case check::Type::kString:
      case check::Type::kPath:
      case check::Type::kBytes:
        Add(slot, Mark::Kind::kText, value.text, guess);
        break;
      case check::Type::kAddress:
      case check::Type::kNet: {
        const MarkedNet net{value.net.address.v4, value.net.prefix, value.net.address.bytes};
        Add(slot, Mark::Kind::kNet, BytesOf(net), guess);
        break;
      }
      default:
        Add(slot, Mark::Kind::kNumber, BytesOf(value.number), guess);
    }
  }
}

void Marks::Learn(PredicateId id) {
  learnt_[id] = true;
  const check::Predicate& predicate = plan_.checked.predicates[id];
  const std::optional<Trigger> trigger = TriggerOf(predicate);
  if (!trigger) return;
  std::vector<MarkId>& lists = plan_.index.mark_lists;
  const auto begin = static_cast<uint32_t>(lists.size());
  const SlotId slot = plan_.left_slot[id];
  if (trigger->kind == Trigger::Kind::kValue) AddValues(predicate, slot);
  const bool folds = trigger->kind == Trigger::Kind::kSubstring;
  for (const std::string& text : trigger->texts)
    Add(slot, KindOf(trigger->kind), folds ? Lowered(text) : text, GuessFrequency(trigger->kind, text));
  std::sort(lists.begin() + begin, lists.end());
  lists.erase(std::unique(lists.begin() + begin, lists.end()), lists.end());
  plan_.index.marks_of[id] = {begin, static_cast<uint32_t>(lists.size())};
}

void Marks::Count(PredicateId id, bool positive) {
  if (!learnt_[id]) Learn(id);
  if (!positive) return;
  for (uint32_t i = Of(id).begin; i < Of(id).end; ++i) ++popularity_[At(i)];
}

double Marks::CostOf(SlotId slot) const {
  const check::Term& term = plan_.slots[slot];
  const bool is_line = term.kind == check::Term::Kind::kField && IsLine(term.field.field);
  double cost = 15;
  if (is_line) cost += 25;
  if (searched_[slot]) cost += is_line ? 40 : 15;
  if (term.kind != check::Term::Kind::kField) cost += 30;
  return term.shape == check::Shape::kScalar ? cost : cost * 3;
}

double Marks::FrequencyOf(PredicateId id) {
  if (frequencies_[id] != 0) return frequencies_[id];
  const Range& range = Of(id);
  const check::Term& left = plan_.checked.predicates[id].left;
  double sum = 0;
  for (uint32_t i = range.begin; i < range.end; ++i)
    sum += guesses_[At(i)] * (HasFewValues(left) ? 1 : std::sqrt(std::max(1u, popularity_[At(i)])));
  if (left.shape != check::Shape::kScalar) sum *= 4;  // more values, and gaps
  if (range.begin == range.end) sum = kNever;
  frequencies_[id] = static_cast<float>(sum);
  return sum;
}

}  // namespace sluice::uplan
