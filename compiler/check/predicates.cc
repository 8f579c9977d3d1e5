#include "compiler/check/predicates.h"

#include <fmt/format.h>

#include <functional>
#include <limits>
#include <unordered_set>

#include "compiler/check/known_text.h"
#include "compiler/check/operators.h"
#include "compiler/check/sets.h"
#include "compiler/check/terms.h"
#include "compiler/check/values.h"

namespace sluice::check {
namespace {

using diag::Code;

void AppendWord(const ast::Word& word, std::string& key) {
  key += word.quoted ? '"' : ' ';
  key += std::to_string(word.text.size());
  key += ':';
  key += word.text;
}

// The check as written, unambiguously; "" when it is not worth remembering.
std::string WordsKey(const ast::Check& check) {
  if (check.left.kind != ast::Operand::Kind::kField || check.right) return {};
  std::string key;
  AppendWord(check.left.field.name, key);
  key += check.left.field.argument ? '[' : '-';
  if (check.left.field.argument) AppendWord(*check.left.field.argument, key);
  key += static_cast<char>('A' + static_cast<int>(check.op));
  key += static_cast<char>('0' + static_cast<int>(check.quantifier));
  key += check.parenthesised ? '(' : '.';
  for (const ast::Word& word : check.values) AppendWord(word, key);
  return key;
}

void Mix(uint64_t& hash, uint64_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15u + (hash >> 29); }
void Mix(uint64_t& hash, std::string_view text) { Mix(hash, std::hash<std::string_view>{}(text)); }

void Mix(uint64_t& hash, const Term& term) {
  Mix(hash, static_cast<uint64_t>(term.kind) << 32 | static_cast<uint64_t>(term.transform));
  Mix(hash, static_cast<uint64_t>(term.field.field) << 32 | static_cast<uint32_t>(term.field.index));
  Mix(hash, term.field.argument);
  Mix(hash, static_cast<uint64_t>(term.index));
  for (const std::string& text : term.texts) Mix(hash, text);
  for (const Term& argument : term.arguments) Mix(hash, argument);
}

bool NamesType(const Term& term) {
  return term.kind == Term::Kind::kField &&
         (term.field.field == FieldId::kEvtType || term.field.field == FieldId::kSyscallType);
}

bool IsDigest(const Term& term) {
  return term.kind == Term::Kind::kField && term.field.field == FieldId::kFsVerityDigest;
}

bool ComparesWholeNames(ast::Op op) {
  return op == ast::Op::kEq || op == ast::Op::kNe || op == ast::Op::kIn || op == ast::Op::kIntersects;
}

// Falco reads a constant for a field of 32 bits without a sign as such: `user.uid = -1` is 4294967295.
void WrapUnsigned(const Term& left, Value& value) {
  const bool unsigned32 = left.kind == Term::Kind::kField &&
                          (left.field.field == FieldId::kUserUid || left.field.field == FieldId::kGroupGid);
  if (!unsigned32 || value.number >= 0 || value.number < std::numeric_limits<int32_t>::min()) return;
  value.number = static_cast<uint32_t>(value.number);
  value.text = std::to_string(value.number);
}

// Moves each predicate when it is met first.
void Renumber(Condition& condition, std::vector<Predicate>& from, const std::vector<source::Span>& first_at,
              std::vector<PredicateId>& renumbered, CheckedRules& result) {
  if (condition.kind == Condition::Kind::kPredicate) {
    PredicateId& id = renumbered[condition.predicate];
    if (id == from.size()) {
      id = static_cast<PredicateId>(result.predicates.size());
      result.predicates.push_back(std::move(from[condition.predicate]));
      result.predicate_at.push_back(first_at[condition.predicate]);
    }
    condition.predicate = id;
  }
  for (Condition& child : condition.children) Renumber(child, from, first_at, renumbered, result);
}

}  // namespace

uint64_t HashOf(const Predicate& predicate) {
  uint64_t hash = static_cast<uint64_t>(predicate.op) * 8 + static_cast<uint64_t>(predicate.quantifier) + 1;
  Mix(hash, predicate.left);
  for (const Value& value : predicate.values) Mix(hash, value.text);
  for (const Term& term : predicate.right) Mix(hash, term);
  return hash;
}

std::optional<Condition> PredicateTable::Build(const ast::Check& check, source::Span span) {
  Condition condition;
  condition.kind = Condition::Kind::kPredicate;
  condition.span = span;
  std::string key = WordsKey(check);
  if (!key.empty()) {
    const auto known = by_words_.find(key);
    if (known != by_words_.end()) {
      condition.predicate = known->second;
      return condition;
    }
  }
  Predicate predicate;
  doubtful_.clear();
  if (!Resolve(check, predicate)) return std::nullopt;
  const bool wants_values = check.op != ast::Op::kExists && predicate.right.empty();
  if (wants_values && predicate.values.empty() && predicate.left.shape != Shape::kList) {
    condition.kind = Condition::Kind::kFalse;  // nothing is in an empty list
    return condition;
  }
  if (std::optional<Condition> type = AsEventType(predicate, span)) return type;
  condition.predicate = Intern(std::move(predicate), span);
  if (!doubtful_.empty()) doubtful_of_[condition.predicate] = std::move(doubtful_);
  if (!key.empty()) by_words_.emplace(std::move(key), condition.predicate);
  return condition;
}

// `evt.type.is.open = 1` is `evt.type = open`, which every stage knows.
std::optional<Condition> PredicateTable::AsEventType(const Predicate& predicate, source::Span span) {
  const Term& left = predicate.left;
  const bool asks = left.kind == Term::Kind::kField && left.field.field == FieldId::kEvtTypeIs;
  if (!asks || !predicate.right.empty() || AsksASet(predicate) || keeps_type_tests_) return std::nullopt;
  const bool of_type = TestNumber(predicate, 1), of_others = TestNumber(predicate, 0);
  Condition condition;
  condition.span = span;
  if (of_type == of_others) {
    condition.kind = of_type ? Condition::Kind::kTrue : Condition::Kind::kFalse;
    return condition;
  }
  Predicate type;
  type.left.field.field = FieldId::kEvtType;
  type.values.push_back({.text = left.field.argument, .net = {}});
  condition.kind = Condition::Kind::kPredicate;
  condition.predicate = Intern(std::move(type), span);
  if (of_type) return condition;
  Condition other;
  other.kind = Condition::Kind::kNot;
  other.span = span;
  other.children.push_back(std::move(condition));
  return other;
}

PredicateId PredicateTable::Intern(Predicate predicate, source::Span span) {
  const uint64_t hash = HashOf(predicate);
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto known = begin; known != end; ++known) {
    if (predicates_[known->second] == predicate) return known->second;
  }
  const auto id = static_cast<PredicateId>(predicates_.size());
  predicates_.push_back(std::move(predicate));
  first_at_.push_back(span);
  by_hash_.emplace(hash, id);
  return id;
}

bool PredicateTable::Resolve(const ast::Check& check, Predicate& predicate) {
  predicate.op = check.op;
  predicate.quantifier = check.quantifier;
  if (!ResolveLeft(check, predicate)) return false;
  if (check.right) return ResolveRight(check, predicate);
  const bool variable = predicate.left.kind == Term::Kind::kField &&
                        predicate.left.field.field == FieldId::kProcEnv &&
                        !predicate.left.field.argument.empty();
  if (check.op == ast::Op::kExists && variable) {  // one that is not set is empty, as in Falco
    predicate.op = ast::Op::kNe;
    predicate.values.emplace_back();
    return true;
  }
  return check.op == ast::Op::kExists || ResolveValues(check, predicate);
}

bool PredicateTable::ResolveLeft(const ast::Check& check, Predicate& predicate) {
  Term& left = predicate.left;
  if (!ResolveTerm(check.left, *diagnostics_, left)) return false;
  if (Fits(check.op, left.type, left.shape)) return true;
  const bool list = left.shape == Shape::kList;
  auto& fault = diagnostics_->Add(
      Code::E207, check.op_span,
      fmt::format("`{}` does not fit `{}`, which is {} {}", ast::OpName(check.op), TermText(left),
                  list ? "a list of type" : "of type", TypeName(left.type)));
  fault.others.push_back({check.left.span, fmt::format("of type {}", TypeName(left.type))});
  fault.help = fmt::format("operators that fit: {}", FittingOperators(left.type, left.shape));
  const bool rendered = left.kind == Term::Kind::kField && left.field.field == FieldId::kEvtRawarg;
  if (rendered) {
    fault.help += fmt::format("; `evt.arg.{}` is the same as text", left.field.argument);
  }
  return false;
}

bool PredicateTable::ResolveRight(const ast::Check& check, Predicate& predicate) {
  Term right;
  if (!ResolveTerm(*check.right, *diagnostics_, right)) return false;
  const Term& left = predicate.left;
  const auto refuse = [&](source::Span at, std::string message) {
    diagnostics_->Add(Code::E207, at, std::move(message));
    return false;
  };
  if (NamesType(left) || NamesType(right)) {
    return refuse(check.op_span, "`evt.type` is compared with names of event types only");
  }
  if (!FitsTerm(check.op, left.type, left.shape)) {
    return refuse(check.op_span, fmt::format("`{}` on `{}` takes constants, not a field",
                                             ast::OpName(check.op), TermText(left)));
  }
  for (const Term* side : {&left, &std::as_const(right)}) {
    if (side->shape != Shape::kAny && side->shape != Shape::kEither) continue;
    return refuse(
        side == &left ? check.left.span : check.right->span,
        fmt::format("`{}` has several values and is compared with constants only", TermText(*side)));
  }
  const auto family = [](Type type) { return type == Type::kPath ? Type::kString : type; };
  if (family(left.type) != family(right.type) || left.shape != right.shape) {
    const auto describe = [](const Term& term) {
      return fmt::format("{}{}", term.shape == Shape::kList ? "a list of type " : "of type ",
                         TypeName(term.type));
    };
    auto& fault = diagnostics_->Add(Code::E208, check.right->span,
                                    fmt::format("`{}` is {}, but `{}` is {}", TermText(right),
                                                describe(right), TermText(left), describe(left)));
    fault.others.push_back({check.left.span, describe(left)});
    return false;
  }
  predicate.right.push_back(std::move(right));
  return true;
}

bool PredicateTable::ResolveValues(const ast::Check& check, Predicate& predicate) {
  const bool list = IsListOperator(check.op) || check.quantifier != ast::Quantifier::kNone;
  ListItems words;
  if (!ExpandWords(check, list, words)) return false;
  for (const ast::Word& word : check.values) {
    if (list && !word.quoted && names_.IsSet(word.text))
      set_uses_.push_back({word.text, predicate.left, word.span});
  }
  const bool type_names = NamesType(predicate.left) && ComparesWholeNames(check.op);
  const bool digests = IsDigest(predicate.left) && ComparesWholeNames(check.op);
  std::unordered_set<std::string_view> seen;
  predicate.values.reserve(words.size());
  bool ok = true;
  for (const ast::Word* word : words) {
    // A list is free of repeats already; several words may repeat each other.
    if (check.values.size() > 1 && check.quantifier != ast::Quantifier::kOneOf &&
        !seen.insert(word->text).second) {
      continue;
    }
    if (regex_size_ > kMaxRegexInstructions && check.op == ast::Op::kRegex) return false;
    Value value;
    uint64_t regex_size = 0;
    ValueFault fault = ParseValue(predicate.left.type, check.op, *word, value, regex_size);
    if (!ChargeRegex(regex_size, *word)) return false;
    if (digests && fault.ok() && word->span.valid()) fault = DigestFault(word->text);
    WrapUnsigned(predicate.left, value);
    const bool of_rule = word->span.valid();  // else a set's member: of a fault sets.cc speaks
    const bool fine = fault.ok() ? !type_names || CheckEventType(*word, check, predicate.left.field)
                                 : of_rule && ReportValue(check, predicate, *word, fault.message, fault.help);
    ok = ok && fine;
    predicate.values.push_back(std::move(value));
  }
  return ok;
}

bool PredicateTable::ReportValue(const ast::Check& check, const Predicate& predicate, const ast::Word& word,
                                 std::string message, std::string help) {
  auto& fault = diagnostics_->Add(Code::E208, word.span, std::move(message));
  fault.others.push_back({check.left.span, fmt::format("`{}` is of type {}", TermText(predicate.left),
                                                       TypeName(predicate.left.type))});
  const bool inside = check.values_span.file == word.span.file &&
                      word.span.begin >= check.values_span.begin && word.span.end <= check.values_span.end;
  if (!inside && check.values_span.valid()) fault.others.push_back({check.values_span, "through this list"});
  fault.help = std::move(help);
  for (const Doubtful& doubtful : doubtful_) {
    if (doubtful.word.span != word.span || doubtful.is_macro) continue;
    fault.help = fmt::format("did you mean the list `{}`?", doubtful.meant.text);
    fault.patches.push_back({word.span, doubtful.meant.text});
  }
  return false;
}

// The words of the right side, with the lists that they name. Without parentheses a list operator's word is a
// list's name, or as in Falco a single value.
bool PredicateTable::ExpandWords(const ast::Check& check, bool list, ListItems& words) {
  for (const ast::Word& word : check.values) {
    if (list && !word.quoted && names_.IsBroken(word.text)) return false;
    const ListItems* items = list && !word.quoted ? names_.UseList(word.text) : nullptr;
    if (items != nullptr) {
      words.insert(words.end(), items->begin(), items->end());
      continue;
    }
    words.push_back(&word);
    if (list && check.parenthesised) Doubt(word);
    if (!list || check.parenthesised || word.quoted || names_.IsSet(word.text)) continue;
    if (const ast::Macro* macro = names_.FindMacro(word.text)) {
      auto& fault = diagnostics_->Add(Code::E205, word.span,
                                      fmt::format("`{}` is a macro, and a list is expected here", word.text));
      fault.others.push_back({macro->name.span, "declared here"});
      fault.help = fmt::format("write `({})` if the text is meant", word.text);
      return false;
    }
    const std::string near = names_.NearestList(word.text);
    if (near.empty()) continue;
    auto& fault = diagnostics_->Add(Code::E203, word.span, fmt::format("There is no list `{}`", word.text));
    fault.others.push_back({names_.FindList(near)->name.span, "a list of a similar name"});
    fault.help = fmt::format("did you mean `{}`? Write `({})` if the text is meant", near, word.text);
    fault.patches.push_back({word.span, near});
    return false;
  }
  return true;
}

// Once past the limit no further expression is compiled.
bool PredicateTable::ChargeRegex(uint64_t size, const ast::Word& word) {
  regex_size_ += size;
  if (regex_size_ <= kMaxRegexInstructions) return true;
  auto& fault = diagnostics_->Add(
      Code::E211, word.span,
      fmt::format("All regular expressions together need more than {} instructions", kMaxRegexInstructions));
  fault.note = fmt::format("this one needs {}, and those behind it are not looked at", size);
  fault.help =
      "write fewer or smaller repetitions: `+` instead of `{1,900}`, or `contains`, `startswith` and `glob`";
  return false;
}

// Programs and paths seldom have an underscore, names of lists nearly always.
void PredicateTable::Doubt(const ast::Word& word) {
  constexpr size_t kMaxCompared = 1'000'000;
  if (word.quoted || word.text.find('_') == std::string::npos || names_.IsSet(word.text)) return;
  if (const ast::Macro* macro = names_.FindMacro(word.text)) {
    doubtful_.push_back({word, macro->name, true});
    return;
  }
  if (names_compared_ > kMaxCompared) return;
  names_compared_ += names_.lists();
  const std::string near = names_.NearestList(word.text);
  if (!near.empty()) doubtful_.push_back({word, names_.FindList(near)->name, false});
}

const std::vector<PredicateTable::Doubtful>& PredicateTable::doubtful(PredicateId id) const {
  static const std::vector<Doubtful> none;
  const auto found = doubtful_of_.find(id);
  return found == doubtful_of_.end() ? none : found->second;
}

bool PredicateTable::CheckEventType(const ast::Word& word, const ast::Check& check, const FieldUse& use) {
  if (FindEvent(word.text) != kNoType) return true;
  std::vector<std::string_view> known;
  for (const EventRow& row : Events()) known.push_back(row.name);
  auto& fault =
      diagnostics_->Add(Code::E210, word.span, fmt::format("There is no event type `{}`", word.text));
  fault.others.push_back(
      {check.left.span, fmt::format("`{}` is the name of a system call", RowOf(use.field).name)});
  const std::string near = diag::Nearest(word.text, known);
  if (!near.empty()) {
    fault.help = fmt::format("did you mean `{}`?", near);
    fault.patches.push_back({word.span, near});
  }
  return false;
}

bool LooksUpHosts(const Predicate& predicate) {
  const bool names = predicate.op == ast::Op::kEq || predicate.op == ast::Op::kNe ||
                     predicate.op == ast::Op::kIn || predicate.op == ast::Op::kIntersects;
  return names && predicate.left.kind == Term::Kind::kField && IsHostName(predicate.left.field.field);
}

void PredicateTable::MoveInto(CheckedRules& result) {
  std::vector<PredicateId> renumbered(predicates_.size(), static_cast<PredicateId>(predicates_.size()));
  by_words_ = {};
  by_hash_ = {};
  result.predicates.reserve(predicates_.size() + predicates_.size() / 8);  // norm/ makes some more
  result.predicate_at.reserve(predicates_.size());
  for (CheckedRule& rule : result.rules.Edit())
    Renumber(rule.condition, predicates_, first_at_, renumbered, result);
}

}  // namespace sluice::check
