#include "harness/mutate.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>

#include "compiler/diag/render.h"
#include "compiler/naive/naive.h"
#include "compiler/source/thread.h"
#include "harness/views.h"
#include "runtime/sets.h"

namespace sluice::harness {
namespace {

using ast::Expected;
using ast::Expr;
using ast::Op;
using check::RuleId;

// One change: of the node that `path` leads to from the condition of a rule or macro, or of a rule's exceptions.
struct Change {
  enum class Kind : uint8_t {
    kDrop,
    kSwapAndOr,
    kRemoveNot,
    kNegate,
    kOperator,
    kException,
    kRow
  } kind = Kind::kDrop;
  bool of_macro = false;
  size_t block = 0;          // index into rules or macros
  std::vector<size_t> path;  // children
  size_t dropped = 0;        // kDrop: which child; kException: which; kRow: of the exception path[0]
  Op op = Op::kEq;           // kOperator
};

struct Site {
  Mutant mutant;
  Change change;
};

// What the operator could have been meant to be; the same one: only its negation.
Op Other(Op op) {
  switch (op) {
    case Op::kLt:
      return Op::kLe;
    case Op::kLe:
      return Op::kLt;
    case Op::kGt:
      return Op::kGe;
    case Op::kGe:
      return Op::kGt;
    case Op::kStartsWith:
    case Op::kEndsWith:
      return Op::kContains;
    default:
      return op;
  }
}

// ---- finding

class Finder {
 public:
  explicit Finder(const Suite& suite) : suite_(suite) {}

  std::vector<Site> Find() {
    const ast::RuleSet& rules = suite_.written->ast;
    for (size_t i = 0; i < rules.macros.size(); ++i) {
      change_ = {.of_macro = true, .block = i, .path = {}};
      where_ = "macro " + rules.macros[i].name.text;
      Visit(rules.macros[i].condition);
    }
    for (size_t i = 0; i < rules.rules.size(); ++i) {
      change_ = {.of_macro = false, .block = i, .path = {}};
      where_ = fmt::format("rule \"{}\"", rules.rules[i].name.text);
      Visit(rules.rules[i].condition);
      VisitExceptions(rules.rules[i].exceptions);
    }
    return std::move(sites_);
  }

 private:
  void Add(Change::Kind kind, source::Span span, std::string text, size_t dropped = 0, Op op = Op::kEq) {
    Site& site = sites_.emplace_back();
    site.change = change_;
    site.change.kind = kind;
    site.change.dropped = dropped;
    site.change.op = op;
    site.mutant.span = suite_.files().Resolve(span);
    site.mutant.change = std::move(text);
    site.mutant.where = where_;
  }

  void Visit(const Expr& expr) {
    switch (expr.kind) {
      case Expr::Kind::kCheck:
        VisitCheck(expr);
        return;
      case Expr::Kind::kMacro:
        Add(Change::Kind::kNegate, expr.span,
            fmt::format("`not {}` for `{}`", expr.macro->text, expr.macro->text));
        return;
      case Expr::Kind::kNot:
        Add(Change::Kind::kRemoveNot, expr.span, "without its `not`");
        break;
      case Expr::Kind::kAnd:
        Add(Change::Kind::kSwapAndOr, expr.span, "`or` for `and`");
        break;
      case Expr::Kind::kOr:
        Add(Change::Kind::kSwapAndOr, expr.span, "`and` for `or`");
        break;
    }
    for (size_t i = 0; i < expr.children.size(); ++i) {
      if (expr.kind != Expr::Kind::kNot)
        Add(Change::Kind::kDrop, expr.children[i].span, "without this part", i);
      // The `not` itself stands for the negation of what is in it.
      if (expr.kind == Expr::Kind::kNot && expr.children[i].kind != Expr::Kind::kAnd &&
          expr.children[i].kind != Expr::Kind::kOr) {
        if (expr.children[i].kind == Expr::Kind::kCheck) VisitOperator(expr.children[i], i);
        continue;
      }
      change_.path.push_back(i);
      Visit(expr.children[i]);
      change_.path.pop_back();
    }
  }

  void VisitExceptions(const std::vector<ast::Exception>& exceptions) {
    for (size_t i = 0; i < exceptions.size(); ++i) {
      const ast::Exception& exception = exceptions[i];
      if (exception.values.empty()) continue;  // it excepts nothing
      Add(Change::Kind::kException, exception.name.span,
          fmt::format("without the exception `{}`", exception.name.text), i);
      change_.path = {i};
      for (size_t row = 0; row < exception.values.size() && exception.values.size() > 1; ++row) {
        source::Span span;
        for (const std::vector<ast::Word>& words : exception.values[row]) {
          for (const ast::Word& word : words)
            span = span.end == 0 ? word.span : source::Cover(span, word.span);
        }
        Add(Change::Kind::kRow, span.end == 0 ? exception.name.span : span,
            fmt::format("without row {} of the exception `{}`", row + 1, exception.name.text), row);
      }
      change_.path.clear();
    }
  }

  void VisitCheck(const Expr& expr) {
    if (expr.check->op == Op::kEq) {
      Add(Change::Kind::kOperator, expr.span, "`!=` for `=`", 0, Op::kNe);
    } else if (expr.check->op == Op::kNe) {
      Add(Change::Kind::kOperator, expr.span, "`=` for `!=`", 0, Op::kEq);
    } else {
      Add(Change::Kind::kNegate, expr.span, "`not` before it");
    }
    AddOther(expr);
  }

  void VisitOperator(const Expr& child, size_t index) {
    change_.path.push_back(index);
    AddOther(child);
    change_.path.pop_back();
  }

  void AddOther(const Expr& expr) {
    const Op other = Other(expr.check->op);
    if (other == expr.check->op) return;
    Add(Change::Kind::kOperator, expr.span,
        fmt::format("`{}` for `{}`", ast::OpName(other), ast::OpName(expr.check->op)), 0, other);
  }

  const Suite& suite_;
  Change change_;
  std::string where_;
  std::vector<Site> sites_;
};

// ---- trying

// A test, as far as it can notice a rule that fires where it should not, or does not where it should.
struct Watched {
  const Case* test = nullptr;
  std::vector<naive::Event> events;
  std::vector<check::SetMembers>
      members;             // by event: what alerts of the rules as they are have added before it
  std::set<RuleId> blind;  // it notices something of the rule as it is, so its word counts nothing
  bool silent = false;     // `nothing`, or dropped in the kernel
  bool closed = false;     // `nothing else`
  bool Watches(RuleId rule) const {
    if (blind.count(rule) != 0) return false;
    return silent || closed || std::any_of(test->rules.begin(), test->rules.end(), [rule](const auto& named) {
             return named == rule;
           });
  }
};

class Trial {
 public:
  Trial(const Suite& suite, std::vector<Watched>& watched, const std::vector<std::vector<RuleId>>& users)
      : watched_(watched), users_(users), rules_(suite.written->ast) {
    std::unordered_map<const ast::Rule*, size_t> index_of;
    for (const ast::Rule& rule : suite.written->ast.rules) index_of.emplace(&rule, index_of.size());
    for (RuleId id = 0; id < suite.rules.size(); ++id)
      index_of_.push_back(index_of.at(suite.rules[id].source));
  }

  // Of the rules as they are: before the first Try().
  void FindBlind() {
    naive::Evaluator naive(rules_);
    for (Watched& test : watched_) {
      for (RuleId rule = 0; rule < index_of_.size(); ++rule) {
        if (test.Watches(rule) && Notices(test, rule, naive)) test.blind.insert(rule);
      }
    }
  }

  void Try(const Change& change, Mutant& mutant) {
    if (change.kind == Change::Kind::kException || change.kind == Change::Kind::kRow) {
      std::vector<ast::Exception>& exceptions = rules_.rules[change.block].exceptions;
      const std::vector<ast::Exception> before = exceptions;
      Apply(change, exceptions);
      Ask(change, mutant);
      exceptions = before;
      return;
    }
    Expr& root =
        change.of_macro ? rules_.macros[change.block].condition : rules_.rules[change.block].condition;
    const Expr before = root;
    Expr* node = &root;
    for (const size_t child : change.path) node = &node->children[child];
    Apply(change, *node);
    Ask(change, mutant);
    root = before;
  }

 private:
  void Ask(const Change& change, Mutant& mutant) {
    naive::Evaluator naive(rules_);
    for (const RuleId rule : Affected(change)) {
      for (const Watched& test : watched_) {
        if (!test.Watches(rule)) continue;
        mutant.tested = true;
        mutant.caught = Notices(test, rule, naive);
        if (mutant.caught) return;
      }
    }
  }

  static void Apply(const Change& change, std::vector<ast::Exception>& exceptions) {
    const auto dropped = static_cast<std::ptrdiff_t>(change.dropped);
    if (change.kind == Change::Kind::kException) {
      exceptions.erase(exceptions.begin() + dropped);
      return;
    }
    ast::Exception& exception = exceptions[change.path[0]];
    exception.values.erase(exception.values.begin() + dropped);
    std::erase_if(exception.references, [&](const auto& value) { return value.row == change.dropped; });
    for (ast::Exception::Reference& value : exception.references) value.row -= value.row > change.dropped;
  }

  static void Apply(const Change& change, Expr& node) {
    switch (change.kind) {
      case Change::Kind::kDrop: {
        std::vector<Expr>& children = node.children.Edit();
        children.erase(children.begin() + static_cast<std::ptrdiff_t>(change.dropped));
        break;
      }
      case Change::Kind::kSwapAndOr:
        node.kind = node.kind == Expr::Kind::kAnd ? Expr::Kind::kOr : Expr::Kind::kAnd;
        break;
      case Change::Kind::kRemoveNot: {
        Expr inner = std::move(node.children[0]);
        node = std::move(inner);
        break;
      }
      case Change::Kind::kNegate: {
        Expr inner = std::move(node);
        node = Expr();
        node.kind = Expr::Kind::kNot;
        node.children.push_back(std::move(inner));
        break;
      }
      case Change::Kind::kOperator: {
        auto check = std::make_shared<ast::Check>(*node.check);
        check->op = change.op;
        node.check = std::move(check);
        break;
      }
      case Change::Kind::kException:
      case Change::Kind::kRow:
        break;  // no nodes
    }
  }

  std::vector<RuleId> Affected(const Change& change) const {
    if (change.of_macro) return users_[change.block];
    for (RuleId id = 0; id < index_of_.size(); ++id) {
      if (index_of_[id] == change.block) return {id};
    }
    return {};
  }

  naive::Truth Holds(const Watched& test, size_t number, RuleId id, naive::Evaluator& naive) {
    const ast::Rule& rule = rules_.rules[index_of_[id]];
    if (test.members.empty() || test.members[number].empty()) return naive.Holds(rule, test.events[number]);
    std::vector<ast::List> lists = rules_.lists;  // `naive` keeps on to the others
    rules_.lists.swap(lists);
    check::AddMembers(test.members[number], rules_);
    const naive::Truth truth = naive::Evaluator(rules_).Holds(rule, test.events[number]);
    rules_.lists.swap(lists);
    return truth;
  }

  bool Notices(const Watched& test, RuleId rule, naive::Evaluator& naive) {
    size_t fires = 0, undecided = 0, wanted = 0, wanted_undecided = 0;
    for (size_t number = 0; number < test.events.size(); ++number) {
      const naive::Truth truth = Holds(test, number, rule, naive);
      fires += truth == naive::Truth::kTrue;
      undecided += truth == naive::Truth::kUnknown;
    }
    bool unwanted = test.silent;
    for (size_t i = 0; i < test.test->rules.size(); ++i) {
      if (test.test->rules[i] != rule) continue;
      const Expected what = test.test->test->expectations[i].what;
      unwanted = unwanted || what == Expected::kNo;
      wanted_undecided += what == Expected::kUndecided;
      wanted += what != Expected::kNo && what != Expected::kUndecided;
    }
    if (unwanted && fires + undecided > 0) return true;
    if (fires < wanted || undecided < wanted_undecided) return true;
    return test.closed && fires + undecided > wanted + wanted_undecided;
  }

  std::vector<Watched>& watched_;  // read alone, but by FindBlind()
  const std::vector<std::vector<RuleId>>& users_;
  ast::RuleSet rules_;
  std::vector<size_t> index_of_;  // into rules_.rules, by RuleId
};

void AddMacros(const Expr& expr, const std::unordered_map<std::string_view, size_t>& macros,
               const ast::RuleSet& rules, std::vector<bool>& used) {
  if (expr.kind == Expr::Kind::kMacro) {
    const auto macro = macros.find(expr.macro->text);
    if (macro != macros.end() && !used[macro->second]) {
      used[macro->second] = true;
      AddMacros(rules.macros[macro->second].condition, macros, rules, used);
    }
  }
  for (const Expr& child : expr.children) AddMacros(child, macros, rules, used);
}

// By macro: the rules that use it.
std::vector<std::vector<RuleId>> UsersOf(const Suite& suite) {
  const ast::RuleSet& rules = suite.written->ast;
  std::unordered_map<std::string_view, size_t> macros;
  for (size_t i = 0; i < rules.macros.size(); ++i) macros.insert_or_assign(rules.macros[i].name.text, i);
  std::vector<std::vector<RuleId>> users(rules.macros.size());
  for (RuleId id = 0; id < suite.rules.size(); ++id) {
    std::vector<bool> used(rules.macros.size());
    AddMacros(suite.rules[id].source->condition, macros, rules, used);
    for (size_t i = 0; i < used.size(); ++i) {
      if (used[i]) users[i].push_back(id);
    }
  }
  return users;
}

// What alerts have added to sets before each event.
std::vector<check::SetMembers> MembersOf(const Suite& suite, const Watched& test) {
  std::vector<RuleId> adding;
  for (RuleId id = 0; id < suite.rules.size(); ++id) {
    if (suite.rule(id).then_field) adding.push_back(id);
  }
  if (adding.empty()) return {};
  std::vector<check::SetMembers> members(1);
  Sets sets;
  for (size_t number = 0; number + 1 < test.events.size(); ++number) {
    ast::RuleSet rules = suite.written->ast;
    check::AddMembers(members.back(), rules);
    naive::Evaluator naive(rules);
    for (const RuleId id : adding) {
      if (naive.Holds(*suite.rules[id].source, test.events[number]) == naive::Truth::kTrue)
        sets.Add(suite.rule(id), PlanEvent(test.test->events[number], false), 0);
    }
    members.push_back(sets.Take());
  }
  return members;
}

std::vector<Watched> TestsOf(const Suite& suite, const std::vector<size_t>& order) {
  std::vector<Watched> watched;
  for (const size_t index : order) {
    const Case& test = suite.cases[index];
    if (test.events.empty()) continue;
    Watched& added = watched.emplace_back();
    added.test = &test;
    for (const WrittenEvent& event : test.events) added.events.push_back(NaiveEvent(event.fields));
    added.members = MembersOf(suite, added);
    for (const ast::Expectation& expectation : test.test->expectations) {
      added.silent =
          added.silent || expectation.what == Expected::kNothing || expectation.what == Expected::kDropped;
      added.closed = added.closed || expectation.what == Expected::kNothingElse;
    }
  }
  return watched;
}

}  // namespace

Mutation TryMutants(const Suite& suite, const std::vector<size_t>& order, size_t jobs) {
  std::vector<Site> sites = Finder(suite).Find();
  std::vector<Watched> watched = TestsOf(suite, order);
  const std::vector<std::vector<RuleId>> users = UsersOf(suite);
  Trial(suite, watched, users).FindBlind();
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    Trial trial(suite, watched, users);
    for (size_t i = next++; i < sites.size(); i = next++) trial.Try(sites[i].change, sites[i].mutant);
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < jobs; ++i) {
    if (!source::StartThread(threads.emplace_back(), work).ok()) break;
  }
  work();
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
  Mutation mutation;
  std::vector<Mutant>& mutants = mutation.mutants;
  for (Site& site : sites) mutants.push_back(std::move(site.mutant));
  std::stable_sort(mutants.begin(), mutants.end(), [](const Mutant& a, const Mutant& b) {
    return std::pair(a.span.file, a.span.begin) < std::pair(b.span.file, b.span.begin);
  });
  for (const size_t index : order) mutation.captures += !suite.cases[index].capture.empty();
  return mutation;
}

std::string MutantsText(const Suite& suite, const Mutation& mutation, bool colour) {
  const std::vector<Mutant>& mutants = mutation.mutants;
  diag::Diagnostics survivors;
  size_t caught = 0, untested = 0;
  for (const Mutant& mutant : mutants) {
    caught += mutant.caught;
    untested += !mutant.tested;
    if (mutant.caught || !mutant.tested) continue;
    auto& told = survivors.Add(diag::Code::W501, mutant.span,
                               fmt::format("No test catches a change of {}", mutant.where));
    told.primary.text = mutant.change;
  }
  std::string text = diag::RenderText(survivors, suite.files(), colour);
  text += fmt::format("mutants: {} of {} caught", caught, mutants.size());
  if (!mutants.empty())
    text +=
        fmt::format(" ({:.1f} %)", 100.0 * static_cast<double>(caught) / static_cast<double>(mutants.size()));
  if (untested != 0) text += fmt::format("; {} in rules without a test", untested);
  if (mutation.captures != 0) text += fmt::format("; tests of captures are not asked: {}", mutation.captures);
  return text + "\n";
}

}  // namespace sluice::harness
