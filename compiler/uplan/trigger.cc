#include "compiler/uplan/trigger.h"

#include <algorithm>
#include <cmath>

#include "re2/filtered_re2.h"

namespace sluice::uplan {
namespace {

using ast::Op;
using check::Type;

// More values than this are asked as one set: the index would hold them a second time.
constexpr size_t kMaxValues = 4096;
// A beginning of a text says enough.
constexpr size_t kMaxText = 64;
constexpr int kLeastAtom = 3;

bool IsText(Type type) { return type == Type::kString || type == Type::kPath || type == Type::kBytes; }

bool IsComparedWhole(const check::Predicate& predicate) {
  using ast::Quantifier;
  const Type type = predicate.left.type;
  if (type == Type::kDouble || type == Type::kBool) return false;
  if (predicate.op == Op::kIn || predicate.op == Op::kIntersects) return true;
  if (predicate.op != Op::kEq) return false;
  return predicate.quantifier == Quantifier::kAnyOf || predicate.values.size() == 1;
}

std::string_view Cut(std::string_view text) { return text.substr(0, kMaxText); }

std::string Normalised(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  }
  while (!out.empty() && out.back() == '/') out.pop_back();
  return out.empty() || out[0] == '/' ? out : "/" + out;
}

// The literal pieces of a shell pattern, that is all that is not a wildcard.
std::vector<std::string> Pieces(std::string_view pattern) {
  std::vector<std::string> pieces(1);
  for (size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '\\' || c == '[') {
      // What follows is read by the pattern itself; only what stands before is sure.
      pieces.emplace_back();
      return pieces;
    }
    if (c == '*' || c == '?') {
      pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  return pieces;
}

// True when one of `texts` is empty, which every value has.
bool HasEmpty(const std::vector<std::string>& texts) {
  return texts.empty() ||
         std::any_of(texts.begin(), texts.end(), [](const std::string& text) { return text.empty(); });
}

void GlobTrigger(const std::string& pattern, bool fold_case, Trigger& trigger) {
  const std::vector<std::string> pieces = Pieces(pattern);
  auto longest = pieces.begin();  // of equals the last: the first piece is often a common folder
  for (auto piece = pieces.begin(); piece != pieces.end(); ++piece) {
    if (piece->size() >= longest->size() && !piece->empty()) longest = piece;
  }
  const bool first = longest == pieces.begin();
  trigger.kind = first && !fold_case ? Trigger::Kind::kPrefix : Trigger::Kind::kSubstring;
  trigger.texts = {std::string(Cut(*longest))};
}

// The longest of the texts without which the expression cannot match. RE2 knows a formula over such texts; a
// text is needed when the formula is false without it.
void RegexTrigger(const std::string& expression, Trigger& trigger) {
  RE2::Options options(RE2::POSIX);
  options.set_log_errors(false);
  re2::FilteredRE2 filter(kLeastAtom);
  int id = 0;
  if (filter.Add(expression, options, &id) != RE2::NoError) return;
  std::vector<std::string> atoms;
  filter.Compile(&atoms);
  trigger.kind = Trigger::Kind::kSubstring;
  std::string best;
  for (size_t without = 0; without < atoms.size(); ++without) {
    std::vector<int> others, passed;
    for (size_t i = 0; i < atoms.size(); ++i) {
      if (i != without) others.push_back(static_cast<int>(i));
    }
    filter.AllPotentials(others, &passed);
    const std::string& atom = atoms[without];
    // A text that is not UTF-8 is repaired before it is matched, so only ASCII is sure to be there as it
    // reads.
    const bool ascii =
        std::all_of(atom.begin(), atom.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (passed.empty() && ascii && atom.size() > best.size()) best = atom;
  }
  trigger.texts = {std::string(Cut(best))};
}

bool FillTexts(const check::Predicate& predicate, Trigger& trigger) {
  const std::vector<check::Value>& values = predicate.values;
  switch (predicate.op) {
    case Op::kContains:
    case Op::kBContains:
    case Op::kIContains:
      trigger.kind = Trigger::Kind::kSubstring;
      break;
    case Op::kStartsWith:
    case Op::kBStartsWith:
      trigger.kind = Trigger::Kind::kPrefix;
      break;
    case Op::kEndsWith:
      trigger.kind = Trigger::Kind::kSuffix;
      for (const check::Value& value : values) {
        const size_t size = value.text.size();
        trigger.texts.push_back(value.text.substr(size - std::min(size, kMaxText)));
      }
      return true;
    case Op::kPmatch:
      trigger.kind = Trigger::Kind::kPath;
      for (const check::Value& value : values) {
        const std::string_view sure =
            std::string_view(value.text).substr(0, value.text.find_first_of("*?[\\"));
        trigger.texts.emplace_back(Cut(Normalised(sure)));
      }
      return true;
    case Op::kGlob:
    case Op::kIGlob:
      GlobTrigger(values[0].text, predicate.op == Op::kIGlob, trigger);
      return true;
    case Op::kRegex:
      RegexTrigger(values[0].text, trigger);
      return true;
    default:
      return false;
  }
  for (const check::Value& value : values) trigger.texts.emplace_back(Cut(value.text));
  return true;
}

}  // namespace

std::optional<Trigger> TriggerOf(const check::Predicate& predicate) {
  using ast::Quantifier;
  if (!predicate.right.empty() || predicate.values.empty() || predicate.values.size() > kMaxValues)
    return std::nullopt;
  // All of an empty list is in any list.
  if (predicate.left.shape == check::Shape::kList && predicate.op != Op::kIntersects) return std::nullopt;
  Trigger trigger;
  if (IsComparedWhole(predicate)) return trigger;
  const bool one = predicate.quantifier == Quantifier::kNone && predicate.values.size() == 1;
  const bool any = predicate.quantifier == Quantifier::kAnyOf &&
                   (predicate.op == Op::kContains || predicate.op == Op::kIContains ||
                    predicate.op == Op::kStartsWith || predicate.op == Op::kEndsWith);
  if (!IsText(predicate.left.type) || !(one || any || predicate.op == Op::kPmatch)) return std::nullopt;
  if (!FillTexts(predicate, trigger) || HasEmpty(trigger.texts)) return std::nullopt;
  return trigger;
}

double GuessFrequency(Trigger::Kind kind, std::string_view text) {
  const double rarer = kind == Trigger::Kind::kSubstring ? 0.55 : 0.75;
  return std::max(0.0005, 0.3 * std::pow(rarer, static_cast<double>(text.size())));
}

double GuessFrequency(const check::Predicate& predicate, const check::Value& value) {
  switch (predicate.left.type) {
    case Type::kString:
    case Type::kPath:
    case Type::kBytes:
      return value.text.size() > 8 ? 0.0002 : 0.001;
    case Type::kAddress:
    case Type::kNet:
      return std::max(0.0001, std::pow(0.6, value.net.prefix));
    default:
      return value.number == 0 || value.number == 1 ? 0.3 : 0.005;
  }
}

}  // namespace sluice::uplan
