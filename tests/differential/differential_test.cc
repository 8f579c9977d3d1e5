// Rules and events at random: every stage of the engine against the naive evaluator.
//
// SLUICE_DIFF_CASES: pairs of rule and event (20,000). SLUICE_DIFF_SEED: the first seed; a failure prints its
// own, which then is case 0 of a run with it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/kplan/model.h"
#include "compiler/parse/parse.h"
#include "harness/kernel_subject.h"
#include "runtime/eval/evaluator.h"
#include "tests/differential/generate.h"
#include "tests/differential/kernel_truth.h"
#include "tests/differential/map_event.h"

namespace sluice::differential {
namespace {

using naive::Truth;

constexpr size_t kEventsPerRuleSet = 25;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

std::string_view NameOf(Truth truth) {
  return truth == Truth::kTrue ? "true" : truth == Truth::kFalse ? "false" : "unknown";
}

// A predicate of the engine, printed and read again, so that the naive evaluator can be asked about it.
class PredicateReader {
 public:
  explicit PredicateReader(const check::CheckedRules& checked) : checked_(checked) {}

  Truth Holds(check::PredicateId id, const naive::Event& event) {
    auto known = exprs_.find(id);
    if (known == exprs_.end()) known = exprs_.emplace(id, Read(check::Print(checked_.predicates[id]))).first;
    return naive_.Holds(known->second, event);
  }

 private:
  static ast::Expr Read(const std::string& text) {
    source::Files files;
    diag::Diagnostics diagnostics;
    ast::Expr expr;
    const bool read = parse::ParseCondition(files, files.Add("predicate", text), {}, expr, diagnostics);
    EXPECT_TRUE(read) << text << "\n" << diag::RenderText(diagnostics, files, false);
    return expr;
  }

  const check::CheckedRules& checked_;
  const ast::RuleSet no_rules_;
  naive::Evaluator naive_{no_rules_};
  std::map<check::PredicateId, ast::Expr> exprs_;
};

// One compiled rule set with everything that judges events by it.
class Subject {
 public:
  explicit Subject(std::unique_ptr<Compilation> compilation)
      : compilation_(std::move(compilation)),
        predicates_(compilation_->partition.normal.checked),
        evaluator_(std::make_shared<uplan::UserPlan>(compilation_->user)),
        model_(compilation_->kernel),
        reference_(compilation_->ast) {
    for (const check::CheckedRule& rule : checked().rules) never_.push_back(IsToldNever(rule.rule));
  }

  size_t rules() const { return checked().rules.size(); }

  void Judge(const EventCase& event) {
    naive_.clear();
    complete_.clear();
    for (const check::CheckedRule& rule : checked().rules) {
      naive_.push_back(reference_.Holds(SourceOf(rule), event.fields));
      complete_.push_back(reference_.Holds(SourceOf(rule), event.complete));
    }
    const split::HookPartition* hook = FindHook(event.hook);
    for (check::RuleId rule = 0; rule < rules(); ++rule) {
      SCOPED_TRACE(
          fmt::format("rule {}: naive {}", checked().rules[rule].rule.name.text, NameOf(naive_[rule])));
      EXPECT_FALSE(never_[rule] && naive_[rule] == Truth::kTrue) << "W202";
      JudgeNormal(rule, event);
      JudgePartition(rule, event, hook);
    }
    JudgePlan(event, false);
    JudgePlan(event, true);
    if (hook != nullptr) JudgeKernel(event, *hook);
  }

  // The evaluator alone, for many rules.
  void JudgePlans(const EventCase& event) {
    naive_.clear();
    complete_.clear();
    for (const check::CheckedRule& rule : checked().rules) {
      naive_.push_back(reference_.Holds(SourceOf(rule), event.fields));
      complete_.push_back(reference_.Holds(SourceOf(rule), event.complete));
    }
    JudgePlan(event, false);
    JudgePlan(event, true);
  }

 private:
  const check::CheckedRules& checked() const { return compilation_->partition.normal.checked; }

  const ast::Expr& SourceOf(const check::CheckedRule& rule) const {
    for (const ast::Rule& source : compilation_->ast.rules) {
      if (source.name.text == rule.rule.name.text) return source.condition;
    }
    std::abort();
  }

  // W202: it can never match.
  bool IsToldNever(const ast::RuleKeys& rule) const {
    const auto& told = compilation_->diagnostics.all();
    const std::string message = fmt::format("Rule `{}` can never match", rule.name.text);
    return std::any_of(told.begin(), told.end(), [&](const diag::Diagnostic& one) {
      return one.code == diag::Code::W202 && one.message == message;
    });
  }

  const split::HookPartition* FindHook(check::HookId id) const {
    for (const split::HookPartition& hook : compilation_->partition.hooks) {
      if (hook.hook == id) return &hook;
    }
    return nullptr;
  }

  Truth TruthOfCondition(const norm::Condition& condition, const EventCase& event) {
    switch (condition.kind) {
      case norm::Condition::Kind::kTrue:
        return Truth::kTrue;
      case norm::Condition::Kind::kFalse:
        return Truth::kFalse;
      case norm::Condition::Kind::kLiteral: {
        const Truth truth = predicates_.Holds(condition.predicate, event.fields);
        return condition.negated ? Not(truth) : truth;
      }
      default:
        break;
    }
    const bool conjunction = condition.kind == norm::Condition::Kind::kAnd;
    Truth joined = Known(conjunction);
    for (const norm::Condition& child : condition.children) {
      const Truth truth = TruthOfCondition(child, event);
      joined = conjunction ? And(joined, truth) : Or(joined, truth);
    }
    return joined;
  }

  // A stage says what the naive evaluator says. Where a value could not be had it may know more than Kleene's
  // tables do (`a or not a` is true), but then it is right.
  void Expect(Truth found, check::RuleId rule, const std::string& stage) {
    const bool knows_more = naive_[rule] == Truth::kUnknown && found != Truth::kUnknown;
    EXPECT_EQ(NameOf(found), NameOf(knows_more ? complete_[rule] : naive_[rule]))
        << stage << ": " << checked().rules[rule].rule.name.text;
  }

  void JudgeNormal(check::RuleId rule, const EventCase& event) {
    const Truth truth = TruthOfCondition(compilation_->partition.normal.conditions[rule], event);
    Expect(truth, rule, "norm");
  }

  // The invariant of partition.h.
  void JudgePartition(check::RuleId rule, const EventCase& event, const split::HookPartition* hook) {
    Truth any = Truth::kFalse;
    Truth whole = Truth::kFalse;
    if (hook != nullptr) {
      for (const auto& [id, condition] : hook->whole) {
        if (id == rule) whole = TruthOfCondition(condition, event);
      }
      for (const split::Entry& entry : hook->entries) {
        if (entry.rule != rule) continue;
        const Truth kernel = TruthOf(hook->bits[entry.bit], compilation_->partition, event);
        const Truth rest = entry.judge_whole ? whole : TruthOfCondition(entry.residue, event);
        any = Or(any, And(kernel, rest));
      }
    }
    Expect(whole, rule, "split: whole condition at the hook");
    Expect(any, rule, "split: entries");
  }

  void JudgePlan(const EventCase& event, bool self_contained) {
    const MapEvent map(event, self_contained);
    evaluator_.Begin(map);
    std::vector<eval::Match> matches;
    evaluator_.MatchAll(matches);
    ExpectMatches(matches, self_contained ? "plan, as written" : "plan, at the hook");
    std::vector<eval::Match> walked;
    evaluator_.WalkAll(walked);
    const auto same = [](const eval::Match& a, const eval::Match& b) {
      return a.rule == b.rule && a.undecided == b.undecided;
    };
    EXPECT_TRUE(std::equal(matches.begin(), matches.end(), walked.begin(), walked.end(), same))
        << "the index finds " << matches.size() << " rules, a walk " << walked.size();
  }

  void ExpectMatches(const std::vector<eval::Match>& matches, const std::string& stage) {
    std::vector<Truth> found(rules(), Truth::kFalse);
    for (const eval::Match& match : matches)
      found[match.rule] = match.undecided ? Truth::kUnknown : Truth::kTrue;
    for (check::RuleId rule = 0; rule < rules(); ++rule) {
      Expect(found[rule], rule, stage);
    }
  }

  // The kernel's matcher: each bit as its tests say, nothing that a rule wants dropped, mitigations exact,
  // and user space with the surviving bits as good as without a kernel.
  void JudgeKernel(const EventCase& event, const split::HookPartition& hook) {
    const MapEvent map(event, false);
    const kplan::Verdict verdict = model_.Judge(harness::KernelEventOf(map, model_).subject);
    bool undecided = false;
    for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
      const Truth truth = TruthOf(hook.bits[bit], compilation_->partition, event);
      const bool survives = (verdict.surviving.words[bit / 64] >> (bit % 64) & 1) != 0;
      EXPECT_EQ(survives, truth != Truth::kFalse) << "kernel: bit " << bit << " is " << NameOf(truth);
      const bool open = (verdict.undecided[bit / 64] >> (bit % 64) & 1) != 0;
      EXPECT_TRUE(open || truth != Truth::kUnknown) << "kernel: bit " << bit << " is not undecided";
      undecided = undecided || (survives && open);
    }
    bool refuse = false, maybe = false;
    for (check::RuleId rule = 0; rule < rules(); ++rule) {
      const bool mitigation = checked().rules[rule].rule.action != ast::Action::kAlert;
      EXPECT_FALSE(verdict.dropped && complete_[rule] != Truth::kFalse)
          << checked().rules[rule].rule.name.text;
      refuse = refuse || (mitigation && naive_[rule] == Truth::kTrue);
      maybe = maybe || (mitigation && naive_[rule] == Truth::kUnknown);
    }
    EXPECT_TRUE(verdict.denied || !refuse || undecided) << "kernel: no denial";
    EXPECT_TRUE(!verdict.denied || refuse || maybe) << "kernel: a denial that no rule wants";
    evaluator_.Begin(map);
    std::vector<eval::Match> matches;
    std::array<uint64_t, SLUICE_WORDS> surviving;
    std::copy(std::begin(verdict.surviving.words), std::end(verdict.surviving.words), surviving.begin());
    if (!verdict.dropped) evaluator_.MatchSet(surviving.data(), undecided, matches);
    ExpectMatches(matches, "kernel and plan");
  }

  std::unique_ptr<Compilation> compilation_;
  PredicateReader predicates_;
  eval::Evaluator evaluator_;
  kplan::Model model_;
  naive::Evaluator reference_;
  std::vector<bool> never_;      // by RuleId: warned of as one that never matches
  std::vector<Truth> naive_;     // by RuleId, of the event at hand
  std::vector<Truth> complete_;  // the same with every value known
};

// Now and then so little room that clauses are left to user space and conditions share bits.
Options SomeOptions(Random& random) {
  Options options;
  if (random.Chance(25)) options.split.clauses_per_rule = static_cast<uint32_t>(2 + random.Below(6));
  if (random.Chance(20)) options.split.clauses_per_hook = static_cast<uint32_t>(1 + random.Below(4));
  if (random.Chance(20)) options.split.atoms = static_cast<uint32_t>(random.Below(3));
  return options;
}

// Rules at random that compile: a mitigation that the kernel cannot decide is an error, so then without
// mitigations.
std::unique_ptr<Compilation> SomeRules(Random& random, std::string& text) {
  RuleOptions rules;
  rules.wide = random.Chance(30);
  rules.mitigations = random.Chance(60);
  const Options options = SomeOptions(random);
  text = GenerateRules(rules, random);
  std::unique_ptr<Compilation> compilation = CompileTexts({{"generated.rule", text}}, options);
  if (!compilation->ok() && rules.mitigations) {
    for (const diag::Diagnostic& fault : compilation->diagnostics.all()) {
      if (diag::RowOf(fault.code).severity != diag::Severity::kError) continue;
      EXPECT_THAT(diag::RowOf(fault.code).name, testing::StartsWith("E3")) << fault.message;
    }
    rules.mitigations = false;
    text = GenerateRules(rules, random);
    compilation = CompileTexts({{"generated.rule", text}}, options);
  }
  EXPECT_TRUE(compilation->ok()) << text
                                 << diag::RenderText(compilation->diagnostics, compilation->files, false);
  return compilation;
}

TEST(Differential, EveryStageAgreesWithTheNaiveEvaluator) {
  const uint64_t cases = FromEnvironment("SLUICE_DIFF_CASES", 20'000);
  uint64_t seed = FromEnvironment("SLUICE_DIFF_SEED", 1);
  size_t denials = 0, sets = 0;
  for (uint64_t done = 0; done < cases; ++seed, ++sets) {
    Random random(seed);
    std::string text;
    std::unique_ptr<Compilation> compilation = SomeRules(random, text);
    ASSERT_TRUE(compilation->ok()) << "SLUICE_DIFF_SEED=" << seed;
    for (const check::CheckedRule& rule : compilation->partition.normal.checked.rules) {
      denials += rule.rule.action != ast::Action::kAlert;
    }
    Subject subject(std::move(compilation));
    for (size_t i = 0; i < kEventsPerRuleSet; ++i) {
      const EventCase event = GenerateEvent(random);
      subject.Judge(event);
      done += subject.rules();
      ASSERT_FALSE(testing::Test::HasFailure()) << "SLUICE_DIFF_SEED=" << seed << "\n"
                                                << text << "event:\n"
                                                << naive::Print(event.fields);
    }
  }
  EXPECT_GT(denials, sets / 4) << "the generator no longer makes mitigations that compile";
}

// So many that every kind of mark is looked up, and rules that share predicates are divided several times.
TEST(Differential, TheIndexAgreesWithTheNaiveEvaluator) {
  const uint64_t cases = FromEnvironment("SLUICE_DIFF_CASES", 20'000) * 5;
  uint64_t seed = FromEnvironment("SLUICE_DIFF_SEED", 1);
  size_t branches = 0;
  for (uint64_t done = 0; done < cases; ++seed) {
    Random random(seed);
    RuleOptions options;
    options.rules = 20 + random.Below(400);
    options.wide = random.Chance(30);
    const std::string text = GenerateRules(options, random);
    std::unique_ptr<Compilation> compilation = CompileTexts({{"generated.rule", text}}, SomeOptions(random));
    ASSERT_TRUE(compilation->ok()) << "SLUICE_DIFF_SEED=" << seed;
    branches += compilation->user.index.branches.size();
    Subject subject(std::move(compilation));
    for (size_t i = 0; i < kEventsPerRuleSet; ++i) {
      const EventCase event = GenerateEvent(random);
      subject.JudgePlans(event);
      done += subject.rules();
      ASSERT_FALSE(testing::Test::HasFailure()) << "SLUICE_DIFF_SEED=" << seed << "\nevent:\n"
                                                << naive::Print(event.fields);
    }
  }
  EXPECT_GT(branches, cases / 200) << "the index is hardly used";
}

}  // namespace
}  // namespace sluice::differential
