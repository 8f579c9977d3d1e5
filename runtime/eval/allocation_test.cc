// The fast path allocates nothing: counted, not believed.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "runtime/eval/evaluator.h"
#include "runtime/eval/extract.h"
#include "runtime/ring/build_record.h"

// The sanitizers bring their own operator new.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLUICE_COUNTS_ALLOCATIONS 0
#else
#define SLUICE_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<size_t> allocations{0};
}  // namespace

#if SLUICE_COUNTS_ALLOCATIONS
// Not inlined: the compiler would see free() of what `new` gave, and warn.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* room = std::malloc(size)) return room;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* room) noexcept { std::free(room); }
[[gnu::noinline]] void operator delete(void* room, size_t) noexcept { std::free(room); }
#endif

namespace sluice::eval {
namespace {

using ast::Op;

check::Predicate Ask(const std::string& field, Op op, std::vector<std::string> values) {
  check::Predicate predicate;
  predicate.left.field = check::ParseFieldUse(field).value();
  predicate.left.type = predicate.left.field.type();
  predicate.left.shape = predicate.left.field.shape();
  predicate.op = op;
  for (std::string& text : values) {
    check::Value& value = predicate.values.emplace_back();
    value.text = std::move(text);
  }
  return predicate;
}

// One rule: any of the predicates, all of which are false of the event below.
std::shared_ptr<const uplan::UserPlan> Plan() {
  split::Partition partition;
  check::CheckedRules& checked = partition.normal.checked;
  checked.predicates = {
      Ask("proc.name", Op::kIn, {"dash", "sh"}),
      Ask("proc.cmdline", Op::kContains, {"no such text"}),
      Ask("proc.cmdline", Op::kIContains, {"NO SUCH"}),
      Ask("proc.aname", Op::kIn, {"httpd", "nginx2"}),
      Ask("proc.acmdline", Op::kContains, {"master"}),
      Ask("proc.env[LD_PRELOAD]", Op::kStartsWith, {"/tmp"}),
      Ask("fd.name", Op::kPmatch, {"/usr/*/lib", "/opt"}),
      Ask("fd.name", Op::kGlob, {"/etc/*.conf"}),
      Ask("fd.directory", Op::kEq, {"/var"}),
      Ask("evt.arg.flags", Op::kContains, {"O_DIRECT"}),
      Ask("evt.time", Op::kEq, {"x"}),
      Ask("proc.pname", Op::kEndsWith, {"zzz"}),
  };
  checked.predicate_at.resize(checked.predicates.size());
  checked.rules.resize(1);
  norm::Condition condition;
  condition.kind = norm::Condition::Kind::kOr;
  for (check::PredicateId id = 0; id < checked.predicates.size(); ++id) {
    norm::Condition& literal = condition.children.emplace_back();
    literal.kind = norm::Condition::Kind::kLiteral;
    literal.predicate = id;
  }
  partition.normal.conditions = {condition};
  split::HookPartition& hook = partition.hooks.emplace_back();
  hook.hook = SLUICE_HOOK_FILE_OPEN;
  hook.whole.emplace_back(0, condition);
  return std::make_shared<const uplan::UserPlan>(uplan::LowerUser(partition));
}

norm::Condition Literal(check::PredicateId predicate, bool negated = false) {
  norm::Condition literal;
  literal.kind = norm::Condition::Kind::kLiteral;
  literal.predicate = predicate;
  literal.negated = negated;
  return literal;
}

// Two hundred rules with triggers of each kind: some of their first predicates hold, none of the rules does.
std::shared_ptr<const uplan::UserPlan> IndexedPlan() {
  split::Partition partition;
  check::CheckedRules& checked = partition.normal.checked;
  split::HookPartition& hook = partition.hooks.emplace_back();
  hook.hook = SLUICE_HOOK_FILE_OPEN;
  for (check::RuleId rule = 0; rule < 200; ++rule) {
    const std::string n = std::to_string(rule);
    const std::vector<check::Predicate> triggers = {
        Ask("proc.name", Op::kIn, {"bash", "name" + n}),
        Ask("fd.name", Op::kStartsWith, {"/home/" + n}),
        Ask("fd.name", Op::kEndsWith, {n + "file.txt"}),
        Ask("proc.cmdline", Op::kContains, {"line" + n}),
        Ask("fd.name", Op::kPmatch, {"/home/someone", "/x"}),
        Ask("fd.name", Op::kGlob, {"/home/*/" + n + "/*"}),
        Ask("proc.cmdline", Op::kRegex, {".*-c some.*" + n}),
        Ask("proc.aname", Op::kEq, {"nginx" + n}),
    };
    norm::Condition condition;
    condition.kind = norm::Condition::Kind::kAnd;
    condition.children.push_back(Literal(static_cast<check::PredicateId>(checked.predicates.size())));
    checked.predicates.push_back(triggers[rule % triggers.size()]);
    condition.children.push_back(Literal(static_cast<check::PredicateId>(checked.predicates.size())));
    checked.predicates.push_back(Ask("fd.directory", Op::kEq, {"/var/" + n}));
    partition.normal.conditions.push_back(condition);
    hook.whole.emplace_back(rule, condition);
  }
  checked.predicate_at.resize(checked.predicates.size());
  checked.rules.resize(200);
  auto plan = std::make_shared<uplan::UserPlan>(uplan::LowerUser(partition));
  EXPECT_GT(plan->index.branches.size(), 100u);
  return plan;
}

std::shared_ptr<const lineage::Link> Process() {
  std::shared_ptr<const lineage::Link> link;
  for (int i = 0; i < 8; ++i) {
    auto image = std::make_shared<lineage::Image>();
    image->name = "bash";
    image->args = std::string("bash\0-c\0some long command line of an ancestor\0", 46);
    image->env = std::string("PATH=/bin\0", 10);
    image->env_known = true;
    auto next = std::make_shared<lineage::Link>();
    next->image = image;
    next->parent = link;
    link = next;
  }
  return link;
}

// How many a like event makes after the first ones, which make the room that later ones reuse.
size_t AllocationsOf(std::shared_ptr<const uplan::UserPlan> plan) {
  ring::RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  builder.Item(SLUICE_ITEM_NAME, "bash")
      .Item(SLUICE_ITEM_PATH, "/home/someone/a/rather/long/path/of/a/file.txt");
  const std::string bytes = builder.Bytes();
  ring::Record record;
  const auto self = Process();
  const Names names = Names::Read("/nonexistent");
  RecordEvent event(&names, HostFacts{});
  Evaluator evaluator(std::move(plan));
  std::vector<Match> matches;
  size_t before = 0;
  for (int i = 0; i < 100; ++i) {
    if (i == 10) before = allocations;
    EXPECT_TRUE(ring::Decode(bytes, record).ok());
    event.Reset(&record, self, -1);
    evaluator.Begin(event);
    evaluator.MatchAll(matches);
  }
  EXPECT_TRUE(matches.empty());
  return allocations - before;
}

TEST(Allocation, AnEventOnTheFastPathMakesNone) {
  if (!SLUICE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "the sanitizer allocates itself";
  EXPECT_EQ(AllocationsOf(Plan()), 0u);
}

TEST(Allocation, NorDoesOneThatIsLookedUpInTheIndex) {
  if (!SLUICE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "the sanitizer allocates itself";
  EXPECT_EQ(AllocationsOf(IndexedPlan()), 0u);
}

}  // namespace
}  // namespace sluice::eval
