#include "compiler/kplan/lower_hook.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "fmt/format.h"

namespace sluice::kplan {
namespace {

using Pair = std::pair<std::string_view, TestId>;  // a value or pattern and a test that names it

bool IsNet(uint32_t lookup) { return lookup >= SLUICE_LOOKUP_NET && lookup < SLUICE_LOOKUP_STRING; }
bool IsString(uint32_t lookup) { return lookup >= SLUICE_LOOKUP_STRING; }
uint32_t SubjectOf(uint32_t lookup) { return (lookup - SLUICE_LOOKUP_STRING) / SLUICE_MODES; }
uint32_t ModeOf(uint32_t lookup) { return (lookup - SLUICE_LOOKUP_STRING) % SLUICE_MODES; }

// Lowers one hook. The lookups of a hook are independent of one another.
class HookLowering {
 public:
  HookLowering(const split::Partition& partition, const split::HookPartition& hook, KernelPlan& plan,
               ClassTable& classes, diag::Diagnostics& diagnostics)
      : partition_(partition),
        hook_(hook),
        config_(plan.hooks[hook.hook]),
        plan_(plan),
        classes_(classes),
        diagnostics_(diagnostics) {}

  void Lower() {
    if (hook_.bits.size() > SLUICE_CLAUSES) {
      Overflow(0,
               fmt::format("A hook has {} clauses, its tables hold {}", hook_.bits.size(), SLUICE_CLAUSES));
      return;
    }
    if (!hook_.bits.empty()) config_.flags |= SLUICE_HOOK_ACTIVE;
    std::vector<std::vector<Use>> uses(SLUICE_LOOKUPS);
    std::vector<uint64_t> lookups_of(hook_.bits.size(), 0);
    for (uint32_t bit = 0; bit < hook_.bits.size(); ++bit) {
      Insert(config_.all, bit);
      for (const split::AnyOf& any_of : hook_.bits[bit]) {
        uses[any_of.lookup].push_back({bit, &any_of});
        lookups_of[bit] |= 1ull << any_of.lookup;
      }
    }
    classes_.Use(Groups(lookups_of));
    config_.all = plan_.classes[classes_.Intern(config_.all)];
    for (uint32_t lookup = 0; lookup < SLUICE_LOOKUPS; ++lookup) {
      if (!uses[lookup].empty()) LowerLookup(lookup, uses[lookup]);
    }
  }

 private:
  void LowerLookup(uint32_t lookup, const std::vector<Use>& uses) {
    Truth truth(uses, static_cast<uint32_t>(hook_.bits.size()));
    MemberClasses member_classes(truth, classes_);
    sluice_lookup_classes& row = config_.lookups[lookup];
    config_.used |= 1ull << lookup;
    row.other = member_classes.Of({});
    row.absent = classes_.Intern(truth.Absent());
    row.users = classes_.Intern(truth.users());
    row.by_file = classes_.Intern(truth.by_file());
    row.users_summary = plan_.classes[row.users].summary;
    row.other_summary = plan_.classes[row.other].summary;
    if (lookup == SLUICE_LOOKUP_TYPE) {
      LowerTypes(truth, member_classes, row);
    } else if (lookup == SLUICE_LOOKUP_BITS) {
      LowerFlags(truth, member_classes, uses);
    } else if (lookup < SLUICE_LOOKUP_LINEAGE) {
      LowerIntervals(lookup - SLUICE_LOOKUP_INT, truth, member_classes);
    } else if (IsNet(lookup)) {
      LowerNets(lookup, truth, member_classes);
    } else if (split::HasAtoms(lookup)) {
      LowerAtoms(lookup, uses);
    } else if (ModeOf(lookup) == SLUICE_MODE_EXACT) {
      if (row.by_file != 0) LowerFiles(lookup, truth);
      LowerExact(lookup, truth, member_classes, uses);
    } else {
      LowerPatterns(lookup, truth, member_classes, uses);
    }
  }

  void LowerTypes(Truth& truth, MemberClasses& member_classes, const sluice_lookup_classes& row) {
    std::vector<Members> members;
    for (TestId id = 0; id < truth.tests().size(); ++id) {
      for (check::EventType type : truth.tests()[id]->types) {
        if (type >= members.size()) members.resize(type + 1u);
        members[type].push_back(id);
      }
    }
    config_.type_base = static_cast<uint32_t>(plan_.dense.size());
    config_.type_count = static_cast<uint32_t>(members.size());
    for (size_t type = 0; type < members.size(); ++type) {
      Members& tests = members[type];
      tests.erase(std::unique(tests.begin(), tests.end()), tests.end());
      plan_.dense.push_back(type == check::kNoType ? row.absent : member_classes.Of(tests));
    }
  }

  void LowerFlags(Truth& truth, MemberClasses& member_classes, const std::vector<Use>& uses) {
    std::set<std::pair<uint32_t, uint64_t>> masks;  // word, bits
    for (const split::Test* test : truth.tests()) {
      if (test->flags != 0) masks.emplace(test->word, test->flags);
    }
    if (masks.size() > SLUICE_BIT_MASKS) {
      Overflow(uses.front().clause,
               fmt::format("The rules test {} different sets of flags at one hook, its table holds {}",
                           masks.size(), SLUICE_BIT_MASKS));
      return;
    }
    size_t mask_count = 0;
    for (const auto& [word, bits] : masks) {
      config_.bits_word[mask_count] = word;
      config_.bits_mask[mask_count++] = bits;
    }
    config_.bits_base = static_cast<uint32_t>(plan_.dense.size());
    config_.bits_count = 1u << masks.size();
    for (uint32_t index = 0; index < config_.bits_count; ++index) {
      Members members;
      for (TestId id = 0; id < truth.tests().size(); ++id) {
        const split::Test& test = *truth.tests()[id];
        const auto place = std::distance(masks.begin(), masks.find({test.word, test.flags}));
        if (test.flags != 0 && (index >> place & 1) != 0) members.push_back(id);
      }
      plan_.dense.push_back(member_classes.Of(members));
    }
  }

  void LowerIntervals(uint32_t subject, Truth& truth, MemberClasses& member_classes) {
    struct Edge {
      int64_t at;
      TestId test;
      bool begins;
    };
    std::vector<Edge> edges;
    for (TestId id = 0; id < truth.tests().size(); ++id) {
      for (const auto& [first, last] : truth.tests()[id]->ranges) {
        edges.push_back({first, id, true});
        if (last != std::numeric_limits<int64_t>::max()) edges.push_back({last + 1, id, false});
      }
    }
    std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
    const size_t base = plan_.intervals.size();
    std::vector<int> depth(truth.tests().size(), 0);
    Members members;
    size_t next = 0;
    int64_t first = std::numeric_limits<int64_t>::min();
    for (;;) {
      for (; next < edges.size() && edges[next].at == first; ++next) {
        depth[edges[next].test] += edges[next].begins ? 1 : -1;
        Update(members, edges[next].test, depth[edges[next].test] > 0);
      }
      const uint32_t id = member_classes.Of(members);
      if (plan_.intervals.size() == base || plan_.intervals.back().class_id != id) {
        plan_.intervals.push_back({first, id, 0});
      }
      if (next == edges.size()) break;
      first = edges[next].at;
    }
    config_.int_base[subject] = static_cast<uint32_t>(base);
    config_.int_count[subject] = static_cast<uint32_t>(plan_.intervals.size() - base);
  }

  static void Update(Members& members, TestId test, bool present) {
    auto place = std::lower_bound(members.begin(), members.end(), test);
    const bool is_there = place != members.end() && *place == test;
    if (present && !is_there) members.insert(place, test);
    if (!present && is_there) members.erase(place);
  }

  // Of lineage the atom that the test names; of `contains` one for each set of texts.
  uint32_t AtomOf(uint32_t lookup, const split::Test& test) {
    if (!IsString(lookup)) return test.atom.value_or(SLUICE_ATOMS);
    auto found = std::find(plan_.texts.begin(), plan_.texts.end(), test.strings);
    if (found == plan_.texts.end()) found = plan_.texts.insert(found, test.strings);
    return static_cast<uint32_t>(found - plan_.texts.begin());
  }

  // The truth of a word of atoms is the AND over them, so a disjunction must stay within one.
  void LowerAtoms(uint32_t lookup, const std::vector<Use>& uses) {
    const uint32_t place = PlaceOfAtoms(lookup);
    std::map<uint32_t, std::vector<Use>> uses_of;
    for (const Use& use : uses) {
      std::set<uint32_t> atoms;
      for (const split::Test& test : use.any_of->tests) atoms.insert(AtomOf(lookup, test));
      if (atoms.size() != 1 || *atoms.begin() >= SLUICE_ATOMS) {
        Overflow(use.clause,
                 "A clause joins several conditions of one look-up by `or`, which it cannot decide");
        return;
      }
      uses_of[*atoms.begin()].push_back(use);
    }
    config_.atoms_base[place] = static_cast<uint32_t>(plan_.dense.size());
    const size_t count = 2 * (size_t{uses_of.rbegin()->first} + 1);
    std::vector<uint32_t> dense(count, classes_.Intern(config_.all));
    for (const auto& [atom, atom_uses] : uses_of) {
      config_.atoms_used[place] |= 1ull << atom;
      Truth truth(atom_uses, static_cast<uint32_t>(hook_.bits.size()));
      Members all_tests(truth.tests().size());
      for (TestId id = 0; id < all_tests.size(); ++id) all_tests[id] = id;
      dense[size_t{2} * atom] = classes_.Intern(truth.At({}));
      dense[size_t{2} * atom + 1] = classes_.Intern(truth.At(all_tests));
    }
    plan_.dense.insert(plan_.dense.end(), dense.begin(), dense.end());
  }

  // (value, test) in byte order, so that a pattern comes directly before those that it is a prefix of.
  static std::vector<Pair> PairsOf(const Truth& truth, bool reversed, std::vector<std::string>& storage) {
    std::vector<Pair> pairs;
    size_t count = 0;
    for (const split::Test* test : truth.tests()) count += test->strings.size();
    pairs.reserve(count);
    if (reversed) storage.reserve(count);
    for (TestId id = 0; id < truth.tests().size(); ++id) {
      for (const std::string& value : truth.tests()[id]->strings) {
        if (reversed) storage.emplace_back(value.rbegin(), value.rend());
        pairs.emplace_back(reversed ? std::string_view(storage.back()) : std::string_view(value), id);
      }
    }
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    return pairs;
  }

  // The tests that name the value at `at`; moves `at` behind them.
  static Members Take(const std::vector<Pair>& pairs, size_t& at) {
    Members members;
    const std::string_view value = pairs[at].first;
    for (; at < pairs.size() && pairs[at].first == value; ++at) members.push_back(pairs[at].second);
    return members;
  }

  // The paths whose files are to be known by every name.
  void LowerFiles(uint32_t lookup, const Truth& truth) {
    config_.file_strings |= 1u << SubjectOf(lookup);
    for (const split::Test* test : truth.tests()) {
      if (!test->by_file) continue;
      for (const std::string& path : test->strings) {
        if (path.starts_with('/') && path.size() < SLUICE_KEY_BYTES) plan_.files.push_back(path);
      }
    }
  }

  void LowerExact(uint32_t lookup, Truth& truth, MemberClasses& member_classes,
                  const std::vector<Use>& uses) {
    std::vector<std::string> unused;
    const std::vector<Pair> pairs = PairsOf(truth, false, unused);
    const uint32_t other = config_.lookups[lookup].other;
    const uint32_t key_lookup = hook_.hook * SLUICE_LOOKUPS + lookup;
    for (size_t at = 0; at < pairs.size();) {
      const std::string_view value = pairs[at].first;
      const uint32_t id = member_classes.Of(Take(pairs, at));
      if (id == other) continue;
      if (value.size() < sizeof(sluice_short_key::value)) {
        auto& [key, class_id] = plan_.short_exact.emplace_back();
        key.lookup = key_lookup;
        std::memcpy(key.value, value.data(), value.size());
        class_id = id;
      } else if (value.size() < SLUICE_KEY_BYTES) {
        auto& [key, class_id] = plan_.long_exact.emplace_back();
        key.lookup = key_lookup;
        std::memcpy(key.value, value.data(), value.size());
        class_id = id;
      } else {
        TooLong(uses.front().clause, value, SLUICE_KEY_BYTES - 1);
        return;
      }
    }
  }

  void LowerPatterns(uint32_t lookup, Truth& truth, MemberClasses& member_classes,
                     const std::vector<Use>& uses) {
    const bool suffix = ModeOf(lookup) == SLUICE_MODE_SUFFIX;
    const size_t limit = suffix ? SLUICE_SUFFIX_BYTES : SLUICE_PREFIX_BYTES;
    std::vector<std::string> storage;
    const std::vector<Pair> pairs = PairsOf(truth, suffix, storage);
    struct Open {  // a pattern that the ones which follow may extend
      std::string_view pattern;
      Members members;
      uint32_t class_id;
    };
    std::vector<Open> open;
    for (size_t at = 0; at < pairs.size();) {
      const std::string_view pattern = pairs[at].first;
      Members members = Take(pairs, at);
      while (!open.empty() && pattern.substr(0, open.back().pattern.size()) != open.back().pattern)
        open.pop_back();
      uint32_t inherited = config_.lookups[lookup].other;
      if (!open.empty()) {
        Members joined;
        std::set_union(members.begin(), members.end(), open.back().members.begin(), open.back().members.end(),
                       std::back_inserter(joined));
        members = std::move(joined);
        inherited = open.back().class_id;
      }
      const uint32_t id = member_classes.Of(members);
      if (pattern.size() > limit) {
        TooLong(uses.front().clause, pattern, limit);
        return;
      }
      if (id != inherited) AddPattern(lookup, suffix, pattern, id);
      open.push_back({pattern, std::move(members), id});
    }
  }

  // A net as a prefix of an IPv6 address. IPv4 addresses are those below ::ffff:0:0/96, and nets of IPv6 do
  // not hold them: there an entry of its own begins anew.
  struct NetPattern {
    std::array<uint8_t, 16> bytes{};
    uint32_t bits = 0;
    bool v4 = false;
    TestId test = 0;
    auto Key() const { return std::pair(bytes, bits); }
    bool Holds(const NetPattern& other) const {
      if (other.bits < bits) return false;
      if (!std::equal(bytes.begin(), bytes.begin() + bits / 8, other.bytes.begin())) return false;
      const uint32_t rest = bits % 8;
      return rest == 0 || (bytes[bits / 8] ^ other.bytes[bits / 8]) >> (8 - rest) == 0;
    }
  };
  static constexpr uint32_t kMappedBits = 96;
  static NetPattern Mapped() {
    NetPattern mapped;
    mapped.bytes[10] = mapped.bytes[11] = 0xff;
    mapped.bits = kMappedBits;
    mapped.v4 = true;
    return mapped;
  }

  void LowerNets(uint32_t lookup, Truth& truth, MemberClasses& member_classes) {
    constexpr TestId kNoTest = UINT32_MAX;
    std::vector<NetPattern> patterns;
    bool around_mapped = false;
    for (TestId id = 0; id < truth.tests().size(); ++id) {
      for (const check::Net& net : truth.tests()[id]->nets) {
        const NetPattern pattern{net.address.bytes, net.prefix + (net.address.v4 ? kMappedBits : 0),
                                 net.address.v4, id};
        if (!pattern.v4 && Mapped().Holds(pattern)) continue;  // no address of IPv6 is there
        around_mapped = around_mapped || (!pattern.v4 && pattern.Holds(Mapped()));
        patterns.push_back(pattern);
      }
    }
    if (around_mapped) {
      patterns.push_back(Mapped());
      patterns.back().test = kNoTest;
    }
    std::sort(patterns.begin(), patterns.end(), [](const NetPattern& a, const NetPattern& b) {
      return std::pair(a.Key(), a.test) < std::pair(b.Key(), b.test);
    });
    struct Open {
      NetPattern net;
      Members members;
      uint32_t class_id;
    };
    std::vector<Open> open;
    for (size_t at = 0; at < patterns.size();) {
      const NetPattern& net = patterns[at];
      Members members;
      for (; at < patterns.size() && patterns[at].Key() == net.Key(); ++at) {
        if (patterns[at].test != kNoTest) members.push_back(patterns[at].test);
      }
      members.erase(std::unique(members.begin(), members.end()), members.end());
      while (!open.empty() && !open.back().net.Holds(net)) open.pop_back();
      uint32_t inherited = config_.lookups[lookup].other;
      if (!open.empty()) {
        inherited = open.back().class_id;
        if (open.back().net.v4 == net.v4) {
          Members joined;
          std::set_union(members.begin(), members.end(), open.back().members.begin(),
                         open.back().members.end(), std::back_inserter(joined));
          members = std::move(joined);
        }
      }
      const uint32_t id = member_classes.Of(members);
      if (id != inherited) {
        auto& [key, class_id] = plan_.nets.emplace_back();
        key.prefixlen = 32 + net.bits;
        key.lookup = hook_.hook * SLUICE_LOOKUPS + lookup;
        std::copy(net.bytes.begin(), net.bytes.end(), key.address);
        class_id = id;
      }
      open.push_back({net, std::move(members), id});
    }
  }

  void AddPattern(uint32_t lookup, bool suffix, std::string_view pattern, uint32_t id) {
    const uint32_t key_lookup = hook_.hook * SLUICE_LOOKUPS + lookup;
    const uint32_t bits = static_cast<uint32_t>(32 + 8 * pattern.size());
    if (suffix) {
      auto& [key, class_id] = plan_.suffixes.emplace_back();
      key.prefixlen = bits;
      key.lookup = key_lookup;
      std::memcpy(key.value, pattern.data(), pattern.size());
      class_id = id;
      uint32_t& longest = config_.suffix_bytes[SubjectOf(lookup)];
      longest = std::max(longest, static_cast<uint32_t>(pattern.size()));
    } else {
      auto& [key, class_id] = plan_.prefixes.emplace_back();
      key.prefixlen = bits;
      key.lookup = key_lookup;
      std::memcpy(key.value, pattern.data(), pattern.size());
      class_id = id;
    }
  }

  // split/ keeps to the kernel's limits; a plan that broke them would be unsound, so it is refused here as
  // well.
  void TooLong(uint32_t clause, std::string_view value, size_t limit) {
    Overflow(clause, fmt::format("A value of {} bytes is longer than the {} bytes of its table: `{}...`",
                                 value.size(), limit, value.substr(0, 32)));
  }

  void Overflow(uint32_t clause, const std::string& message) {
    auto entry = std::find_if(hook_.entries.begin(), hook_.entries.end(),
                              [clause](const split::Entry& candidate) { return candidate.bit >= clause; });
    source::Span where;
    if (entry != hook_.entries.end()) where = partition_.normal.checked.rules[entry->rule].rule.name.span;
    diagnostics_.Add(diag::Code::E304, where, message);
  }

  const split::Partition& partition_;
  const split::HookPartition& hook_;
  sluice_hook_config& config_;
  KernelPlan& plan_;
  ClassTable& classes_;
  diag::Diagnostics& diagnostics_;
};

}  // namespace

void LowerHook(const split::Partition& partition, const split::HookPartition& hook, KernelPlan& plan,
               ClassTable& classes, diag::Diagnostics& diagnostics) {
  HookLowering(partition, hook, plan, classes, diagnostics).Lower();
}

}  // namespace sluice::kplan
