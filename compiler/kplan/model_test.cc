// The matcher of the kernel against a reference that reads the partition itself: no classes, no unions, no
// summaries.
#include "compiler/kplan/model.h"

#include <algorithm>
#include <random>

#include "compiler/check/values.h"
#include "compiler/kplan/build_partition.h"
#include "compiler/kplan/mitigations.h"
#include "gtest/gtest.h"

namespace sluice::kplan {
namespace {

enum class Truth3 { kFalse, kTrue, kUnknown };

bool HasMember(const split::Test& test, uint32_t lookup, const Subject& subject, const std::string& value) {
  if (lookup == SLUICE_LOOKUP_TYPE) {
    return std::find(test.types.begin(), test.types.end(), subject.type) != test.types.end();
  }
  if (lookup == SLUICE_LOOKUP_BITS) return (subject.flags[test.word] & test.flags) != 0;
  if (lookup < SLUICE_LOOKUP_LINEAGE) {
    const int64_t number = subject.ints[lookup - SLUICE_LOOKUP_INT];
    return std::any_of(test.ranges.begin(), test.ranges.end(), [number](const auto& range) {
      return range.first <= number && number <= range.second;
    });
  }
  if (lookup < SLUICE_LOOKUP_STRING) {
    return (subject.ancestors[lookup - SLUICE_LOOKUP_LINEAGE] >> *test.atom & 1) != 0;
  }
  const uint32_t mode = (lookup - SLUICE_LOOKUP_STRING) % SLUICE_MODES;
  return std::any_of(test.strings.begin(), test.strings.end(), [&](const std::string& text) {
    if (mode == SLUICE_MODE_EXACT) return value == text;
    if (mode == SLUICE_MODE_SUFFIX) return value.ends_with(text);
    if (mode == SLUICE_MODE_CONTAINS) return value.find(text) != std::string::npos;
    return (value + '\0').starts_with(text);
  });
}

Truth3 TruthOf(const split::AnyOf& any_of, const Subject& subject) {
  bool present = true;
  std::string value;
  if (any_of.lookup == SLUICE_LOOKUP_TYPE) present = subject.type != check::kNoType;
  const bool lineage = any_of.lookup >= SLUICE_LOOKUP_LINEAGE && any_of.lookup < SLUICE_LOOKUP_STRING;
  if (lineage && !subject.lineage_known) return Truth3::kUnknown;
  if (any_of.lookup >= SLUICE_LOOKUP_STRING) {
    const uint32_t string = (any_of.lookup - SLUICE_LOOKUP_STRING) / SLUICE_MODES;
    if ((subject.unknown_strings >> string & 1) != 0) return Truth3::kUnknown;
    present = subject.strings[string].has_value();
    if (present) value = *subject.strings[string];
    const uint32_t mode = (any_of.lookup - SLUICE_LOOKUP_STRING) % SLUICE_MODES;
    if (mode == SLUICE_MODE_PREFIX && value.size() >= SLUICE_PATH_BYTES) return Truth3::kUnknown;
    const bool image = string == SLUICE_STR_NAME || string == SLUICE_STR_TEXT ||
                       (string == SLUICE_STR_EXEPATH && subject.hook != SLUICE_HOOK_BPRM_CHECK);
    const size_t room = image ? SLUICE_IMAGE_HEAD : SLUICE_PATH_BYTES;
    if (mode == SLUICE_MODE_CONTAINS && value.size() >= room) return Truth3::kUnknown;
  }
  for (const split::Test& test : any_of.tests) {
    const bool member = present && (test.complement != HasMember(test, any_of.lookup, subject, value));
    if (test.negated != member) return Truth3::kTrue;
  }
  return Truth3::kFalse;
}

Truth3 TruthOf(const split::KernelCondition& condition, const Subject& subject) {
  Truth3 result = Truth3::kTrue;
  for (const split::AnyOf& any_of : condition) {
    const Truth3 truth = TruthOf(any_of, subject);
    if (truth == Truth3::kFalse) return truth;
    if (truth == Truth3::kUnknown) result = truth;
  }
  return result;
}

bool InScope(const ast::Scope& scope, const Subject& subject) {
  switch (scope.kind) {
    case ast::Scope::Kind::kAll:
      return true;
    case ast::Scope::Kind::kUid:
      return subject.ints[SLUICE_INT_UID] == static_cast<int64_t>(scope.number);
    case ast::Scope::Kind::kPercent:
      return subject.bucket < scope.number;
    case ast::Scope::Kind::kCgroup:
      return (subject.cgroup_scopes & 1) != 0;
  }
  return false;
}

// What the rules behind the surviving clauses do, rule by rule.
Verdict ReferenceVerdict(const split::Partition& partition, const split::HookPartition& hook,
                         const Subject& subject) {
  Verdict verdict;
  verdict.dropped = true;
  check::RuleId first = 0xffffffff;
  for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
    const Truth3 truth = TruthOf(hook.bits[bit], subject);
    if (truth == Truth3::kFalse) continue;
    verdict.dropped = false;
    verdict.surviving.words[bit / 64] |= 1ull << (bit % 64);
    verdict.surviving.summary |= 1ull << (bit / 16);
    if (truth == Truth3::kUnknown) verdict.undecided[bit / 64] |= 1ull << (bit % 64);
    for (const split::Entry& entry : hook.entries) {
      const ast::RuleKeys& rule = partition.normal.checked.rules[entry.rule].rule;
      if (entry.bit != bit || rule.action == ast::Action::kAlert) continue;
      if (truth == Truth3::kUnknown && rule.on_unknown == ast::OnUnknown::kAllow) continue;
      if (rule.mode == ast::Mode::kAudit || !InScope(ast::ScopeOf(rule), subject)) {
        verdict.audited = true;
        continue;
      }
      verdict.denied = true;
      if (rule.action == ast::Action::kKill && truth == Truth3::kTrue) verdict.killed = true;
      if (entry.rule < first) verdict.errno_value = rule.errno_value;
      first = std::min(first, entry.rule);
    }
  }
  return verdict;
}

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t count) { return static_cast<uint32_t>(random_() % count); }
  bool Chance(uint32_t percent) { return Below(100) < percent; }

  // Few letters, so that values and patterns meet; sometimes at the limits of the tables.
  std::string Path() {
    std::string path;
    for (uint32_t depth = 1 + Below(4); depth > 0; --depth)
      path += "/" + std::string(1 + Below(2), "ab"[Below(2)]);
    if (Chance(10)) path += "/" + std::string(50 + Below(16), 'l');
    if (Chance(5)) path += "/" + std::string(240 + Below(20), 'l');
    return path;
  }

  std::string Pattern(sluice_mode mode) {
    std::string text = Path();
    if (mode == SLUICE_MODE_EXACT) return text.substr(0, SLUICE_KEY_BYTES - 1);
    if (mode == SLUICE_MODE_PREFIX) {
      if (Chance(30)) return text.substr(0, SLUICE_PREFIX_BYTES - 1) + '\0';
      return text.substr(
          0, 1 + Below(static_cast<uint32_t>(std::min<size_t>(text.size(), SLUICE_PREFIX_BYTES))));
    }
    if (mode == SLUICE_MODE_CONTAINS) {
      const uint32_t from = Below(static_cast<uint32_t>(text.size()));
      return text.substr(from, 1 + Below(Chance(80) ? 4 : SLUICE_KEY_BYTES - 1));
    }
    const uint32_t longest = static_cast<uint32_t>(std::min<size_t>(text.size(), SLUICE_SUFFIX_BYTES));
    return text.substr(text.size() - 1 - Below(longest));
  }

  // One of a few sets: a rule set may have no more than SLUICE_ATOMS.
  std::vector<std::string> Texts() {
    const uint32_t set = Below(24);
    if (set >= texts_.size()) {
      std::vector<std::string>& made = texts_.emplace_back();
      for (uint32_t n = 1 + Below(3); n > 0; --n) made.push_back(Pattern(SLUICE_MODE_CONTAINS));
      return made;
    }
    return texts_[set];
  }

  split::Test TestOf(uint32_t lookup, uint32_t atom) {
    split::Test test;
    test.complement = Chance(20);
    test.negated = Chance(20);
    if (lookup == SLUICE_LOOKUP_TYPE) {
      for (uint32_t n = 1 + Below(3); n > 0; --n)
        test.types.push_back(static_cast<check::EventType>(1 + Below(9)));
    } else if (lookup == SLUICE_LOOKUP_BITS) {
      test.flags = 1ull << Below(4) | (Chance(30) ? SLUICE_FLAG_WRITE : 0);
    } else if (lookup < SLUICE_LOOKUP_LINEAGE) {
      int64_t at = Chance(10) ? INT64_MIN : -3;
      for (uint32_t n = 1 + Below(3); n > 0; --n) {
        const int64_t first = at == INT64_MIN ? at : at + Below(5);
        const int64_t last = (first == INT64_MIN ? 0 : first) + Below(4);
        test.ranges.emplace_back(first, Chance(5) ? INT64_MAX : last);
        if (test.ranges.back().second == INT64_MAX) break;
        at = last + 2;
      }
    } else if (lookup < SLUICE_LOOKUP_STRING) {
      test.complement = false;
      test.atom = atom;
    } else {
      const auto mode = static_cast<sluice_mode>((lookup - SLUICE_LOOKUP_STRING) % SLUICE_MODES);
      for (uint32_t n = 1 + Below(4); n > 0; --n) test.strings.push_back(Pattern(mode));
    }
    return test;
  }

  split::KernelCondition Condition(check::HookId hook) {
    static const uint32_t kLookups[] = {SLUICE_LOOKUP_TYPE,
                                        SLUICE_LOOKUP_BITS,
                                        SLUICE_LOOKUP_INT,
                                        SLUICE_LOOKUP_INT + 2,
                                        SLUICE_LOOKUP_LINEAGE,
                                        SLUICE_LOOKUP_LINEAGE + 1,
                                        StringLookup(SLUICE_STR_NAME, SLUICE_MODE_EXACT),
                                        StringLookup(SLUICE_STR_EXEPATH, SLUICE_MODE_EXACT),
                                        StringLookup(SLUICE_STR_EXEPATH, SLUICE_MODE_PREFIX),
                                        StringLookup(SLUICE_STR_EXEPATH, SLUICE_MODE_SUFFIX),
                                        StringLookup(SLUICE_STR_NAME, SLUICE_MODE_CONTAINS),
                                        StringLookup(SLUICE_STR_EXEPATH, SLUICE_MODE_CONTAINS),
                                        StringLookup(SLUICE_STR_PATH, SLUICE_MODE_EXACT),
                                        StringLookup(SLUICE_STR_PATH, SLUICE_MODE_PREFIX),
                                        StringLookup(SLUICE_STR_PATH, SLUICE_MODE_SUFFIX),
                                        StringLookup(SLUICE_STR_PATH, SLUICE_MODE_CONTAINS)};
    split::KernelCondition condition;
    for (uint32_t conjuncts = Below(4); conjuncts > 0; --conjuncts) {
      split::AnyOf any_of;
      any_of.lookup = kLookups[Below(hook == SLUICE_HOOK_BPRM_CHECK ? 12 : 16)];
      const uint32_t atom = Below(4);
      for (uint32_t n = 1 + Below(3); n > 0; --n) any_of.tests.push_back(TestOf(any_of.lookup, atom));
      if (any_of.lookup >= SLUICE_LOOKUP_STRING && split::HasAtoms(any_of.lookup)) {
        const std::vector<std::string> texts = Texts();
        for (split::Test& test : any_of.tests) test.strings = texts;
      }
      condition.push_back(any_of);
    }
    std::sort(condition.begin(), condition.end());
    return condition;
  }

  split::Partition Make(check::HookId hook) {
    split::Partition partition;
    const uint32_t clauses = Chance(10) ? 100 + Below(200) : 1 + Below(8);
    for (uint32_t i = 0; i < clauses; ++i) {
      const uint32_t action = Below(5);
      const check::RuleId rule = AddRule(partition, "rule",
                                         action == 0   ? ast::Action::kDeny
                                         : action == 1 ? ast::Action::kKill
                                                       : ast::Action::kAlert);
      ast::RuleKeys& written = partition.normal.checked.rules.Edit()[rule].rule;
      written.errno_value = static_cast<int>(1 + Below(30));
      written.on_unknown = Chance(30) ? ast::OnUnknown::kDeny : ast::OnUnknown::kAllow;
      const uint32_t scope = Below(6);
      const auto kind = scope == 1   ? ast::Scope::Kind::kUid
                        : scope == 2 ? ast::Scope::Kind::kPercent
                        : scope == 3 ? ast::Scope::Kind::kCgroup
                                     : ast::Scope::Kind::kAll;
      written.scope = ast::Scope{.kind = kind, .number = Below(6), .path = "/one", .span = {}};
      written.mode = Chance(20) ? ast::Mode::kAudit : ast::Mode::kEnforce;
      AddClause(partition, hook, Condition(hook), rule);
    }
    return partition;
  }

  Subject SubjectAt(check::HookId hook, std::array<std::string, SLUICE_STRINGS>& texts) {
    Subject subject;
    subject.hook = hook;
    subject.type = static_cast<check::EventType>(Below(12));
    subject.flags[0] = Below(16) | (Chance(30) ? SLUICE_FLAG_WRITE : 0);
    for (int64_t& number : subject.ints) number = static_cast<int64_t>(Below(16)) - 5;
    for (uint64_t& level : subject.ancestors) level = Chance(50) ? 0 : Below(16);
    subject.lineage_known = !Chance(10);
    subject.bucket = Chance(10) ? uint32_t{SLUICE_BUCKETS} : Below(8);
    subject.cgroup_scopes = Below(2);
    texts = {Path().substr(0, 15), Path(), Path(), ""};
    const check::HookId own = hook == SLUICE_HOOK_BPRM_CHECK ? SLUICE_STR_EXEPATH : SLUICE_STR_PATH;
    if (Chance(5)) texts[own] = "/a/" + std::string(SLUICE_PATH_BYTES + Below(3) - 5, 'b') + Path();
    for (uint32_t string = 0; string < SLUICE_STR_DIRECTORY; ++string) {
      if (!Chance(10)) subject.strings[string] = texts[string];
      if (Chance(10)) subject.unknown_strings |= 1u << string;
    }
    return subject;
  }

 private:
  std::mt19937 random_;
  std::vector<std::vector<std::string>> texts_;
};

TEST(Model, EqualsTheReferenceOverRandomPlansAndEvents) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    Generator generator(seed);
    const check::HookId hook = generator.Chance(50) ? SLUICE_HOOK_BPRM_CHECK : SLUICE_HOOK_FILE_OPEN;
    const split::Partition partition = generator.Make(hook);
    diag::Diagnostics diagnostics;
    const KernelPlan plan = LowerKernel(partition, diagnostics);
    ASSERT_TRUE(diagnostics.ok()) << "seed " << seed << ": " << diagnostics.all().front().message;
    const Model model(plan);
    for (int event = 0; event < 100; ++event) {
      std::array<std::string, SLUICE_STRINGS> texts;
      const Subject subject = generator.SubjectAt(hook, texts);
      const Verdict expected = ReferenceVerdict(partition, partition.hooks[0], subject);
      const Verdict got = model.Judge(subject);
      for (uint32_t word = 0; word < SLUICE_WORDS; ++word) {
        ASSERT_EQ(expected.surviving.words[word], got.surviving.words[word])
            << "seed " << seed << " event " << event << " word " << word << " path " << texts[2] << " exe "
            << texts[1];
        ASSERT_EQ(expected.undecided[word], got.undecided[word]) << "seed " << seed << " event " << event;
      }
      ASSERT_EQ(expected.surviving.summary, got.surviving.summary) << "seed " << seed << " event " << event;
      ASSERT_EQ(expected.dropped, got.dropped) << "seed " << seed << " event " << event;
      ASSERT_EQ(expected.denied, got.denied) << "seed " << seed << " event " << event;
      ASSERT_EQ(expected.killed, got.killed) << "seed " << seed << " event " << event;
      ASSERT_EQ(expected.audited, got.audited) << "seed " << seed << " event " << event;
      ASSERT_EQ(expected.errno_value, got.errno_value) << "seed " << seed << " event " << event;
    }
  }
}

TEST(Model, ACgroupScopeIsAPathByWholeNames) {
  split::Partition partition;
  const check::RuleId rule = AddRule(partition, "rule", ast::Action::kDeny);
  const ast::Scope scope{.kind = ast::Scope::Kind::kCgroup, .number = 0, .path = "/web/workers", .span = {}};
  partition.normal.checked.rules.Edit()[rule].rule.scope = scope;
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {}, rule);
  diag::Diagnostics diagnostics;
  const Model model(LowerKernel(partition, diagnostics));
  for (const char* inside : {"/web/workers", "/web/workers/", "/web/workers/7"})
    EXPECT_EQ(model.CgroupScopesOf(inside), 1u) << inside;
  for (const char* outside : {"/", "/web", "/web/workers2", "/other/web/workers", "/2web/workers"})
    EXPECT_EQ(model.CgroupScopesOf(outside), 0u) << outside;
  for (const char* path : {"/", "/web", "/web/workers2", "/other/web/workers", "/web/workers/7"})
    EXPECT_EQ(IsBelowCgroup(path, scope.path), model.CgroupScopesOf(path) != 0) << path;
}

TEST(Model, ABucketIsTheSameOnEveryHost) {
  EXPECT_EQ(Model::BucketOf("/usr/bin/dash"), Model::BucketOf("/usr/bin/dash"));
  EXPECT_EQ(Model::BucketOf(std::nullopt), uint32_t{SLUICE_BUCKETS});
  uint32_t below = 0;
  for (int i = 0; i < 10'000; ++i) below += Model::BucketOf("/usr/bin/program" + std::to_string(i)) < 20;
  EXPECT_NEAR(below, 2000, 200);
  const std::string same_head = "/" + std::string(SLUICE_BUCKET_BYTES, 'x');
  EXPECT_EQ(Model::BucketOf(same_head + "a"), Model::BucketOf(same_head + "b"));
}

TEST(Model, DirectoryIsThePathWithoutItsLastComponent) {
  split::Partition partition;
  const uint32_t lookup = StringLookup(SLUICE_STR_DIRECTORY, SLUICE_MODE_EXACT);
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(lookup, Strings({"/etc/ssh", "/"}))},
            AddRule(partition, "rule"));
  diag::Diagnostics diagnostics;
  const Model model(LowerKernel(partition, diagnostics));
  const auto survives = [&model](std::optional<std::string_view> path) {
    Subject subject;
    subject.hook = SLUICE_HOOK_FILE_OPEN;
    subject.strings[SLUICE_STR_PATH] = path;
    return !model.Judge(subject).dropped;
  };
  EXPECT_TRUE(survives("/etc/ssh/sshd_config"));
  EXPECT_TRUE(survives("/vmlinuz"));
  EXPECT_FALSE(survives("/etc/ssh/keys/a"));
  EXPECT_FALSE(survives("/etc/ssh"));
  EXPECT_FALSE(survives(std::nullopt));
}

TEST(Model, AStartOfADirectoryIsNotThatOfItsPath) {
  split::Partition partition;
  const uint32_t lookup = StringLookup(SLUICE_STR_DIRECTORY, SLUICE_MODE_PREFIX);
  const std::string longest = "/l" + std::string(SLUICE_PREFIX_BYTES - 2, 'x');
  AddClause(partition, SLUICE_HOOK_FILE_OPEN,
            {One(lookup, Strings({"/etc/ss", std::string("/var/log\0", 9), "/var/log/", longest}))},
            AddRule(partition, "rule"));
  diag::Diagnostics diagnostics;
  const Model model(LowerKernel(partition, diagnostics));
  const auto judge = [&model](std::optional<std::string_view> path) {
    Subject subject;
    subject.hook = SLUICE_HOOK_FILE_OPEN;
    subject.strings[SLUICE_STR_PATH] = path;
    return model.Judge(subject);
  };
  for (const std::string& path :
       {std::string("/etc/ssh/config"), std::string("/etc/ss/a/b"), std::string("/var/log/x"),
        std::string("/var/log/x/y"), longest + "/a", longest + "b/a"})
    EXPECT_FALSE(judge(path).dropped) << path;
  for (const std::string& path : {std::string("/etc/ssh"), std::string("/etc/s/a"), std::string("/var/log"),
                                  std::string("/var/logs/x"), longest, std::string("memfd:x")})
    EXPECT_TRUE(judge(path).dropped) << path;
  EXPECT_TRUE(judge(std::nullopt).dropped);
  EXPECT_NE(judge("/etc/" + std::string(SLUICE_PATH_BYTES, 'x') + "/y").undecided[0], 0u);
}

TEST(Model, ImageAtomsOfNameAndPath) {
  split::Partition partition;
  const check::RuleId rule = AddRule(partition, "rule");
  const uint32_t name = StringLookup(SLUICE_STR_NAME, SLUICE_MODE_EXACT);
  const uint32_t exepath = StringLookup(SLUICE_STR_EXEPATH, SLUICE_MODE_PREFIX);
  AddClause(partition, SLUICE_HOOK_IMAGE, {One(name, Strings({"httpd", "nginx"}))}, rule);
  AddClause(partition, SLUICE_HOOK_IMAGE, {One(exepath, Strings({"/usr/sbin/"}))}, rule);
  AddClause(partition, SLUICE_HOOK_IMAGE, {One(exepath, Strings({"/usr/sbin/"}, true))}, rule);
  diag::Diagnostics diagnostics;
  const Model model(LowerKernel(partition, diagnostics));
  EXPECT_EQ(model.ImageAtoms("nginx", "/usr/sbin/nginx"), 0b011u);
  EXPECT_EQ(model.ImageAtoms("nginx", "/opt/nginx"), 0b101u);
  EXPECT_EQ(model.ImageAtoms("kworker/0:1", std::nullopt), 0b100u);
}

check::Net NetOf(std::string_view text) { return *check::ParseNet(text); }

std::optional<std::array<uint8_t, 16>> AddressOf(std::string_view text) { return NetOf(text).address.bytes; }

// Nets within nets, and nets of IPv6 around the addresses that stand for IPv4.
TEST(Model, AnEndOfAConnectionIsInTheNetsOfItsFamily) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> clauses = {
      {"10.0.0.0/8", {"10.0.0.1", "10.9.1.2"}},
      {"10.9.0.0/16", {"10.9.1.2"}},
      {"0.0.0.0/0", {"10.0.0.1", "10.9.1.2", "192.0.2.1"}},
      {"10.9.1.2/32", {"10.9.1.2"}},
      {"::/1", {"::1", "2001:db8::1"}},
      {"2001:db8::/33", {"2001:db8::1"}}};
  split::Partition partition;
  const uint32_t lookup = uint32_t{SLUICE_LOOKUP_NET} + SLUICE_END_REMOTE;
  for (const auto& [net, members] : clauses) {
    split::Test test;
    test.nets.push_back(NetOf(net));
    AddClause(partition, SLUICE_HOOK_SOCKET_CONNECT, {One(lookup, test)}, AddRule(partition, net));
  }
  diag::Diagnostics diagnostics;
  const Model model(LowerKernel(partition, diagnostics));
  for (const char* address : {"10.0.0.1", "10.9.1.2", "192.0.2.1", "::1", "2001:db8::1", "ff02::1"}) {
    Subject subject;
    subject.hook = SLUICE_HOOK_SOCKET_CONNECT;
    subject.ends[SLUICE_END_REMOTE] = AddressOf(address);
    const Verdict verdict = model.Judge(subject);
    for (size_t bit = 0; bit < clauses.size(); ++bit) {
      const auto& members = clauses[bit].second;
      const bool member = std::find(members.begin(), members.end(), address) != members.end();
      EXPECT_EQ((verdict.surviving.words[0] >> bit & 1) != 0, member)
          << address << " in " << clauses[bit].first;
    }
  }
  Subject absent;
  absent.hook = SLUICE_HOOK_SOCKET_CONNECT;
  EXPECT_TRUE(model.Judge(absent).dropped);
  Subject unknown = absent;
  unknown.unknown_ends = 1u << SLUICE_END_REMOTE;
  EXPECT_EQ(model.Judge(unknown).undecided[0], (1u << clauses.size()) - 1);
}

split::Test ByFile(split::Test test) {
  test.by_file = true;
  return test;
}

// A mitigation knows the file by every name; an alert goes by the path that was used.
TEST(Model, AMitigationAsksEveryNameOfTheFile) {
  split::Partition partition;
  const uint32_t exact = StringLookup(SLUICE_STR_PATH, SLUICE_MODE_EXACT);
  const check::RuleId alert = AddRule(partition, "alert"),
                      deny = AddRule(partition, "deny", ast::Action::kDeny);
  const check::RuleId others = AddRule(partition, "others", ast::Action::kDeny);
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(exact, ByFile(Strings({"/etc/shadow", "/etc/gshadow"})))},
            deny);
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(exact, ByFile(Strings({"/etc/motd"}, true)))}, others);
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(exact, Strings({"/etc/shadow"}))}, alert);
  diag::Diagnostics diagnostics;
  const KernelPlan plan = LowerKernel(partition, diagnostics);
  EXPECT_EQ(plan.files, (std::vector<std::string>{"/etc/gshadow", "/etc/motd", "/etc/shadow"}));
  const Model model(plan);
  using Sets = std::pair<uint64_t, uint64_t>;
  const auto surviving = [&](std::string_view path, std::vector<std::string_view> names,
                             bool unknown = false) {
    Subject subject;
    subject.hook = SLUICE_HOOK_FILE_OPEN;
    subject.strings[SLUICE_STR_PATH] = path;
    subject.other_names[SLUICE_STR_PATH] = std::move(names);
    if (unknown) subject.unknown_strings = 1u << SLUICE_STR_PATH;
    const Verdict verdict = model.Judge(subject);
    return Sets(verdict.surviving.words[0], verdict.undecided[0]);
  };
  EXPECT_EQ(surviving("/tmp/link", {}), Sets(2, 0));
  EXPECT_EQ(surviving("/etc/shadow", {}), Sets(7, 0));
  EXPECT_EQ(surviving("/tmp/link", {"/etc/shadow"}), Sets(3, 0));
  EXPECT_EQ(surviving("/tmp/link", {"/no/rule's", "/etc/gshadow"}), Sets(3, 0));
  EXPECT_EQ(surviving("/tmp/link", {"/etc/motd"}), Sets(0, 0));
  EXPECT_EQ(surviving("/etc/shadow", {"/etc/motd"}), Sets(5, 0));
  EXPECT_EQ(surviving("/etc/motd", {"/etc/shadow"}), Sets(1, 0));
  EXPECT_EQ(surviving("/tmp/link", {"/etc/shadow"}, true), Sets(7, 6));  // the path alone is unknown
  EXPECT_EQ(surviving("/tmp/link", {"/etc/motd"}, true), Sets(5, 5));
  EXPECT_EQ(surviving(std::string(5000, 'x'), {"/etc/shadow"}), Sets(3, 0));
}

}  // namespace
}  // namespace sluice::kplan
