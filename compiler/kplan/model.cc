// The matcher of the kernel comes first, in plain C; the functions under it answer its questions from a
// Tables.
#include "compiler/kplan/model.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "bpf/lib/judge.bpf.h"
#include "bpf/lib/match_text.bpf.h"
#include "compiler/kplan/ends.h"
#include "compiler/kplan/mitigations.h"

namespace sluice::kplan {
namespace {

// A trie with the kernel's rule: the longest entry that is a prefix of the key, both counted in bits from
// `lookup` on.
class LongestMatch {
 public:
  void Add(const void* data, uint32_t prefix_bits, uint32_t class_id) {
    const size_t bytes = prefix_bits / 8;
    entries_[std::string(static_cast<const char*>(data), bytes)] = class_id;
    lengths_.insert(bytes);
  }

  const uint32_t* Find(const void* data, uint32_t prefix_bits) const {
    const std::string key(static_cast<const char*>(data), prefix_bits / 8);
    for (auto length = lengths_.rbegin(); length != lengths_.rend(); ++length) {
      if (*length > key.size()) continue;
      auto entry = entries_.find(key.substr(0, *length));
      if (entry != entries_.end()) return &entry->second;
    }
    return nullptr;
  }

 private:
  std::unordered_map<std::string, uint32_t> entries_;
  std::set<size_t> lengths_;
};

template <typename Key>
std::string BytesOf(const Key& key) {
  return std::string(reinterpret_cast<const char*>(&key), sizeof key);
}

}  // namespace

struct Model::Tables {
  explicit Tables(const KernelPlan& given) : plan(given) {
    for (const auto& [key, id] : plan.short_exact) exact.emplace(BytesOf(key), id);
    for (const auto& [key, id] : plan.long_exact) exact.emplace(BytesOf(key), id);
    for (const auto& [key, id] : plan.prefixes) prefixes.Add(&key.lookup, key.prefixlen, id);
    for (const auto& [key, id] : plan.suffixes) suffixes.Add(&key.lookup, key.prefixlen, id);
    for (const auto& [key, id] : plan.nets) nets[NetKey(key.lookup, key.address, key.prefixlen - 32)] = id;
  }

  // A net is its lookup, its bits, the rest zero, and how many bits count.
  static std::string NetKey(uint32_t lookup, const uint8_t* address, uint32_t bits) {
    std::string key(reinterpret_cast<const char*>(&lookup), sizeof lookup);
    for (uint32_t i = 0; i < 16; ++i) {
      const uint32_t kept = bits > 8 * i ? std::min(bits - 8 * i, 8u) : 0;
      key += static_cast<char>(address[i] & (0xff00u >> kept));
    }
    return key + static_cast<char>(bits);
  }
  const uint32_t* Net(const sluice_net_key& key) const {
    for (uint32_t bits = key.prefixlen - 32 + 1; bits-- > 0;) {
      const auto entry = nets.find(NetKey(key.lookup, key.address, bits));
      if (entry != nets.end()) return &entry->second;
    }
    return nullptr;
  }

  const uint32_t* Exact(const std::string& key) const {
    auto entry = exact.find(key);
    return entry == exact.end() ? nullptr : &entry->second;
  }

  KernelPlan plan;
  std::unordered_map<std::string, uint32_t> exact;  // short and long keys differ in length
  LongestMatch prefixes, suffixes;
  std::unordered_map<std::string, uint32_t> nets;

  // Scratch of one judgement, as one slot of the kernel's.
  struct Scratch {
    sluice_match match;
    sluice_text name, exepath, directory, text;
    sluice_long_text path, target;
    sluice_suffix_key suffix;
  };
  Scratch scratch{};
};

namespace {

thread_local const Model::Tables* asked_tables = nullptr;

template <typename T>
const T* At(const std::vector<T>& values, size_t index) {
  return index < values.size() ? &values[index] : nullptr;
}

}  // namespace
}  // namespace sluice::kplan

using sluice::kplan::asked_tables;

static inline const __u32* sluice_short_class(const sluice_match*, const sluice_short_key* key) {
  return asked_tables->Exact(sluice::kplan::BytesOf(*key));
}
static inline const __u32* sluice_long_class(const sluice_match*, const sluice_long_key* key) {
  return asked_tables->Exact(sluice::kplan::BytesOf(*key));
}
static inline const __u32* sluice_prefix_class(const sluice_match*, const sluice_prefix_key* key) {
  return asked_tables->prefixes.Find(&key->lookup, key->prefixlen);
}
static inline const __u32* sluice_suffix_class(const sluice_match*, const sluice_suffix_key* key) {
  return asked_tables->suffixes.Find(&key->lookup, key->prefixlen);
}
static inline const __u32* sluice_net_class(const sluice_match*, const sluice_net_key* key) {
  return asked_tables->Net(*key);
}
static inline const __u32* sluice_dense_class(const sluice_match*, __u32 index) {
  return sluice::kplan::At(asked_tables->plan.dense, index);
}
static inline const sluice_interval* sluice_interval_at(const sluice_match*, __u32 index) {
  return sluice::kplan::At(asked_tables->plan.intervals, index);
}
static inline const sluice_automaton_row* sluice_row_in(const sluice_match*, void*, __u32 index) {
  return sluice::kplan::At(asked_tables->plan.automaton, index);
}
static inline const sluice_set* sluice_class_set(const sluice_match*, __u32 class_id) {
  return sluice::kplan::At(asked_tables->plan.classes, class_id);
}
static inline const sluice_action* sluice_action_of(const sluice_match* m, __u32 clause) {
  return sluice::kplan::At(asked_tables->plan.actions, size_t{m->hook} * SLUICE_CLAUSES + clause);
}
static inline const sluice_mitigation* sluice_mitigation_of(const sluice_match*, __u32 number) {
  const sluice::kplan::Mitigation* found = sluice::kplan::At(asked_tables->plan.mitigations, number);
  return found == nullptr ? nullptr : &found->bounds;
}
static inline __u32 sluice_mode_of(const sluice_match*, __u32 number) {
  const sluice::kplan::Mitigation* found = sluice::kplan::At(asked_tables->plan.mitigations, number);
  return found == nullptr || found->audited ? SLUICE_MITIGATION_AUDITED : SLUICE_MITIGATION_ENFORCED;
}
static inline int sluice_fuse_holds(const sluice_match*, __u32) { return 1; }

namespace sluice::kplan {
namespace {

using Scratch = Model::Tables::Scratch;

// A name, or an executable path as a task's image keeps it: its first bytes, its length, its reversed tail.
void FillImageText(std::string_view value, sluice_match& match, uint32_t string, sluice_text& text,
                   sluice_suffix_key& suffix) {
  const size_t kept = std::min(value.size(), size_t{SLUICE_IMAGE_HEAD - 1});
  std::memset(&text, 0, sizeof text);
  std::memcpy(text.value, value.data(), kept);
  match.state[string] = SLUICE_TEXT_PRESENT;
  match.bytes[string] = static_cast<uint32_t>(value.size());
  std::memset(&suffix, 0, sizeof suffix);
  const size_t tail = std::min(value.size(), size_t{SLUICE_IMAGE_TAIL});
  std::reverse_copy(value.end() - static_cast<ptrdiff_t>(tail), value.end(), suffix.value);
}

// The path of the event itself, whole; of one that is too long the kernel knows the last bytes.
void FillPath(std::string_view value, sluice_match& match, uint32_t string, sluice_long_text& text) {
  const bool too_long = value.size() >= SLUICE_PATH_BYTES;
  if (too_long) value.remove_prefix(value.size() - (SLUICE_PATH_BYTES - 1));
  std::memset(&text, 0, sizeof text);
  std::memcpy(text.value, value.data(), value.size());
  match.state[string] = too_long ? SLUICE_TEXT_TAIL : SLUICE_TEXT_PRESENT;
  match.bytes[string] = static_cast<uint32_t>(value.size());
}

void FillMatch(const Subject& subject, sluice_match& match) {
  std::memset(&match, 0, sizeof match);
  match.hook = subject.hook;
  match.type = subject.type;
  std::copy(subject.flags.begin(), subject.flags.end(), match.flags);
  for (uint32_t end = 0; end < SLUICE_ENDS; ++end) {
    if (!subject.ends[end]) continue;
    std::copy(subject.ends[end]->begin(), subject.ends[end]->end(), match.ends[end]);
    match.ends_known |= 1u << end;
  }
  match.ends_unknown = subject.unknown_ends;
  match.lineage_known = subject.lineage_known ? 1 : 0;
  std::copy(subject.ints.begin(), subject.ints.end(), match.ints);
  match.bucket = subject.bucket;
  match.cgroup_scopes = subject.cgroup_scopes;
  std::copy(subject.ancestors.begin(), subject.ancestors.end(), match.atoms);
  for (uint32_t string = 0; string < SLUICE_STRINGS; ++string) {
    const bool unknown = (subject.unknown_strings >> string & 1) != 0;
    match.state[string] = unknown ? SLUICE_TEXT_UNKNOWN : SLUICE_TEXT_ABSENT;
  }
}

// As match_file() of the programs.
void AddNames(const Subject& subject, const sluice_hook_config& config, Scratch& scratch) {
  for (const uint32_t string : {SLUICE_STR_EXEPATH, SLUICE_STR_PATH, SLUICE_STR_TARGET}) {
    if ((config.file_strings >> string & 1) == 0) continue;
    for (const std::string_view name : subject.other_names[string]) {
      if (name.size() >= SLUICE_KEY_BYTES) continue;
      sluice_text& text = scratch.directory;
      std::memset(&text, 0, sizeof text);
      std::memcpy(text.value, name.data(), name.size());
      text.lookup = subject.hook * SLUICE_LOOKUPS + sluice_exact_lookup(string);
      const uint32_t* entry =
          sluice_exact(&scratch.match, &text.lookup, text.value, static_cast<uint32_t>(name.size()));
      sluice_add_name(&scratch.match, &config, string, entry != nullptr, entry != nullptr ? *entry : 0);
    }
  }
}

// Asks about the strings in the order of the programs: what a task's image knows, then the path of the event.
uint64_t MatchStrings(const Subject& subject, const sluice_hook_config& config, Scratch& scratch,
                      uint64_t standing) {
  sluice_match& match = scratch.match;
  const auto known = [&](uint32_t string) {
    return subject.strings[string].has_value() && (subject.unknown_strings >> string & 1) == 0;
  };
  const uint32_t own_path = subject.hook == SLUICE_HOOK_BPRM_CHECK ? SLUICE_STR_EXEPATH : SLUICE_STR_PATH;
  if (own_path == SLUICE_STR_PATH && subject.hook != SLUICE_HOOK_IMAGE) {
    const uint64_t name = known(SLUICE_STR_NAME) ? FirstBytesOf(*subject.strings[SLUICE_STR_NAME]) : 0;
    uint64_t component = 0;
    if (known(SLUICE_STR_EXEPATH) && subject.strings[SLUICE_STR_EXEPATH]->substr(0, 1) == "/") {
      component = sluice_component_of(FirstBytesOf(subject.strings[SLUICE_STR_EXEPATH]->substr(1)));
    }
    standing = sluice_match_image(&match, &config, name, component, standing);
  }
  if (known(SLUICE_STR_NAME)) {
    FillImageText(*subject.strings[SLUICE_STR_NAME], match, SLUICE_STR_NAME, scratch.name, scratch.suffix);
  }
  standing = sluice_match_text(&match, &config, SLUICE_STR_NAME, &scratch.name, &scratch.suffix, 1, standing);
  if (own_path != SLUICE_STR_EXEPATH && standing != 0) {
    if (known(SLUICE_STR_EXEPATH)) {
      FillImageText(*subject.strings[SLUICE_STR_EXEPATH], match, SLUICE_STR_EXEPATH, scratch.exepath,
                    scratch.suffix);
    }
    standing = sluice_match_text(&match, &config, SLUICE_STR_EXEPATH, &scratch.exepath, &scratch.suffix, 1,
                                 standing);
  }
  // Of an over-long path the kernel may know the first component as well; the plan does not count on it.
  if (own_path == SLUICE_STR_PATH && known(own_path) &&
      subject.strings[own_path]->size() < SLUICE_PATH_BYTES) {
    const Ends ends = EndsOf(*subject.strings[own_path]);
    if (ends.known) standing = sluice_match_ends(&match, &config, ends.component, ends.ending, standing);
  }
  if (standing == 0) return 0;
  if (known(own_path)) FillPath(*subject.strings[own_path], match, own_path, scratch.path);
  standing = sluice_match_path(&match, &config, own_path, &scratch.path, &scratch.directory, &scratch.suffix,
                               standing);
  if (known(SLUICE_STR_TARGET)) {
    FillPath(*subject.strings[SLUICE_STR_TARGET], match, SLUICE_STR_TARGET, scratch.target);
  }
  standing = sluice_match_path(&match, &config, SLUICE_STR_TARGET, &scratch.target, &scratch.directory,
                               &scratch.suffix, standing);
  if (known(SLUICE_STR_TEXT)) {
    FillImageText(*subject.strings[SLUICE_STR_TEXT], match, SLUICE_STR_TEXT, scratch.text, scratch.suffix);
  }
  return sluice_match_text(&match, &config, SLUICE_STR_TEXT, &scratch.text, &scratch.suffix, 0, standing);
}

}  // namespace

Model::Model(const KernelPlan& plan) : tables_(new Tables(plan)) {}
Model::~Model() { delete tables_; }

Verdict Model::Judge(const Subject& subject) const {
  asked_tables = tables_;
  const sluice_hook_config& config = tables_->plan.hooks[subject.hook];
  Scratch& scratch = tables_->scratch;
  Verdict verdict;
  verdict.dropped = true;
  if ((config.flags & SLUICE_HOOK_ACTIVE) == 0) return verdict;
  FillMatch(subject, scratch.match);
  uint64_t standing = sluice_match_begin(&scratch.match, &config);
  if (standing != 0) AddNames(subject, config, scratch);
  if (standing != 0) standing = MatchStrings(subject, config, scratch, standing);
  if (standing != 0) standing = sluice_match_finish(&scratch.match, &config);
  if (standing == 0) return verdict;
  verdict.dropped = false;
  for (uint32_t word = 0; word < SLUICE_WORDS; ++word) {
    verdict.surviving.words[word] = scratch.match.set[word];
    verdict.undecided[word] = scratch.match.undecided[word];
    for (uint32_t group = 0; group < 4; ++group) {
      if ((scratch.match.set[word] >> (16 * group) & 0xffff) != 0)
        verdict.surviving.summary |= 1ull << (word * 4 + group);
    }
  }
  const uint32_t judged = sluice_judge(&scratch.match, &config);
  for (uint32_t word = 0; word < SLUICE_WORDS; ++word) {
    const uint64_t acting =
        scratch.match.set[word] & (~scratch.match.undecided[word] | config.unknown_deny[word]);
    verdict.refusing[word] = acting & config.deny[word] & ~scratch.match.audited[word];
  }
  verdict.errno_value = static_cast<int>(judged & SLUICE_VERDICT_ERRNO);
  verdict.denied = verdict.errno_value != 0;
  verdict.killed = (judged & SLUICE_VERDICT_KILL) != 0;
  verdict.audited = (judged & SLUICE_VERDICT_AUDIT) != 0;
  return verdict;
}

uint32_t Model::CgroupScopesOf(std::string_view cgroup) const {
  uint32_t scopes = 0;
  if (!FitsCgroupScope(cgroup)) return 0;
  const sluice_cgroup_scope own = PackCgroup(cgroup);
  for (size_t i = 0; i < tables_->plan.cgroup_scopes.size(); ++i) {
    const sluice_cgroup_scope& scope = tables_->plan.cgroup_scopes[i];
    if (scope.names > own.names || scope.bytes > own.bytes) continue;
    const char* last_names = own.value + (own.bytes - scope.bytes);
    const bool begins_a_name = last_names == own.value || last_names[-1] == '\0';
    if (begins_a_name && std::memcmp(last_names, scope.value, scope.bytes) == 0) scopes |= 1u << i;
  }
  return scopes;
}

uint32_t Model::BucketOf(std::optional<std::string_view> exepath) {
  if (!exepath) return SLUICE_BUCKETS;
  return sluice_bucket(std::string(exepath->substr(0, SLUICE_BUCKET_BYTES)).c_str());
}

uint64_t Model::ImageAtoms(std::string_view name, std::optional<std::string_view> exepath) const {
  Subject image;
  image.hook = SLUICE_HOOK_IMAGE;
  image.strings[SLUICE_STR_NAME] = name;
  image.strings[SLUICE_STR_EXEPATH] = exepath;
  return Judge(image).surviving.words[0];
}

}  // namespace sluice::kplan
