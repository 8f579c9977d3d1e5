#include "compiler/check/output.h"

#include <fmt/format.h>

#include <cstring>

#include "compiler/check/terms.h"

namespace sluice::check {
namespace {

using ast::Operand;

constexpr uint32_t kMaxTransforms = 50;  // nested in one piece
constexpr uint16_t kMaxWidth = 1000;

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsName(char c) { return IsAlpha(c) || IsDigit(c) || c == '_' || c == '.'; }

class OutputParser {
 public:
  OutputParser(const ast::Word& output, diag::Diagnostics& diagnostics, OutputPieces& known, Output& pieces)
      : text_(output.text), output_(output), diagnostics_(diagnostics), known_(known), pieces_(pieces) {}

  bool Parse() {
    bool ok = true;
    while (at_ < text_.size()) {
      if (TakeContainerInfo()) continue;
      if (text_[at_] == '%' && StartsPiece(at_ + 1)) {
        ok = ParsePiece() && ok;
        continue;
      }
      if (text_.substr(at_, 2) == "%%") ++at_;
      literal_ += text_[at_++];
    }
    EndLiteral();
    return ok;
  }

 private:
  bool StartsPiece(size_t at) const {
    while (at < text_.size() && IsDigit(text_[at])) ++at;
    return at < text_.size() && IsAlpha(text_[at]);
  }

  void EndLiteral() {
    if (literal_.empty()) return;
    std::shared_ptr<const OutputPiece>& known = known_[' ' + literal_];
    if (known == nullptr) known = std::make_shared<const OutputPiece>(OutputPiece{literal_, {}, 0});
    pieces_.push_back(known);
    literal_.clear();
  }

  // The place of text_[begin, end), when the text stands in the source as it is; else the whole output.
  source::Span SpanOf(size_t begin, size_t end) const {
    const size_t extent = output_.span.end - output_.span.begin;
    const size_t quote = output_.quoted ? 1 : 0;
    if (!output_.span.valid() || extent != text_.size() + 2 * quote) return output_.span;
    const auto first = static_cast<uint32_t>(output_.span.begin + quote);
    return {output_.span.file, static_cast<uint32_t>(first + begin), static_cast<uint32_t>(first + end)};
  }

  // No field, but Falco's word for two.
  bool TakeContainerInfo() {
    constexpr std::string_view kInfo = "%container.info";
    if (text_.substr(at_, kInfo.size()) != kInfo) return false;
    at_ += kInfo.size();
    literal_ += "container_id=";
    AddField("container.id");
    literal_ += " container_name=";
    AddField("container.name");
    return true;
  }

  // REQUIRES: a field without an argument.
  void AddField(const std::string& name) {
    Operand operand;
    operand.kind = Operand::Kind::kField;
    operand.field.name.text = name;
    AddPiece(0, name, operand);
  }

  bool AddPiece(uint32_t width, const std::string& name, const Operand& operand) {
    std::shared_ptr<const OutputPiece>& known = known_[std::to_string(width) + name];
    if (known == nullptr) {
      Term term;
      if (!ResolveTerm(operand, diagnostics_, term)) return false;
      known = std::make_shared<const OutputPiece>(
          OutputPiece{name, std::move(term), static_cast<uint16_t>(width)});
    }
    EndLiteral();
    pieces_.push_back(known);
    return true;
  }

  bool ParsePiece() {
    const size_t percent = at_++;
    uint32_t width = 0;
    while (IsDigit(text_[at_])) width = std::min<uint32_t>(width * 10 + (text_[at_++] - '0'), kMaxWidth);
    const size_t begin = at_;
    Operand operand;
    if (!ParseOperand(operand, 0)) {
      diagnostics_
          .Add(diag::Code::E201, SpanOf(percent, at_),
               fmt::format("`{}` in the output is no field or transformer",
                           text_.substr(percent, at_ - percent)))
          .help = "write `%%` for a percent sign";
      return false;
    }
    return AddPiece(width, std::string(text_.substr(begin, at_ - begin)), operand);
  }

  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void SkipBlanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  // NAME(argument, ...)[index] or a field. Leaves at_ where it stopped.
  bool ParseOperand(Operand& operand, uint32_t depth) {
    const size_t begin = at_;
    size_t end = at_;
    while (end < text_.size() && IsName(text_[end])) ++end;
    const bool transform =
        end < text_.size() && text_[end] == '(' && text_.substr(begin, end - begin).find('.') == text_.npos;
    if (end == begin || depth > kMaxTransforms) {
      at_ = std::max(end, begin + 1);
      at_ = std::min(at_, text_.size());
      return false;
    }
    if (!transform) return ParseField(end, operand);
    operand.kind = Operand::Kind::kTransform;
    operand.transform = std::make_shared<ast::Transform>();
    operand.transform->name = {std::string(text_.substr(begin, end - begin)), SpanOf(begin, end), false};
    at_ = end + 1;
    do {
      SkipBlanks();
      if (!ParseArgument(operand.transform->arguments.emplace_back(), depth + 1)) return false;
      SkipBlanks();
    } while (Take(','));
    if (!Take(')')) return false;
    if (at_ < text_.size() && text_[at_] == '[' && !ParseBrackets(operand.transform->index)) return false;
    operand.span = operand.transform->span = SpanOf(begin, at_);
    return true;
  }

  // The longest prefix of the name that is a field, so that a full stop may follow it.
  bool ParseField(size_t end, Operand& operand) {
    const size_t begin = at_;
    operand.kind = Operand::Kind::kField;
    size_t best = end;
    const bool bracket = end < text_.size() && text_[end] == '[';
    FieldUse use;
    for (size_t stop = end; stop > begin; --stop) {
      const std::string_view name = text_.substr(begin, stop - begin);
      const bool argument = bracket && stop == end;
      const FieldFault fault = ResolveField(name, std::nullopt, use);
      if (fault == FieldFault::kNone || fault == FieldFault::kArgumentMissing ||
          (argument && FindField(name) != nullptr)) {
        best = stop;
        break;
      }
    }
    while (best == end && best > begin + 1 && text_[best - 1] == '.')
      best = --end;  // unknown: not its full stop
    operand.field.name = {std::string(text_.substr(begin, best - begin)), SpanOf(begin, best), false};
    at_ = best;
    if (best < text_.size() && text_[best] == '[' && TakesArgument(operand.field.name.text) &&
        !ParseBrackets(operand.field.argument)) {
      return false;
    }
    operand.span = operand.field.span = SpanOf(begin, at_);
    return true;
  }

  // `%proc.name[%proc.pid]` is two fields; only a field that takes an argument has one.
  static bool TakesArgument(std::string_view name) {
    const FieldRow* row = FindField(name);
    return row != nullptr && row->argument != Argument::kNone;
  }

  bool ParseBrackets(source::Boxed<ast::Word>& argument) {
    const size_t begin = ++at_;
    const size_t end = text_.find(']', begin);
    if (end == text_.npos || end == begin) return false;
    std::string_view inside = text_.substr(begin, end - begin);
    const bool quoted =
        inside.size() >= 2 && (inside[0] == '"' || inside[0] == '\'') && inside.back() == inside[0];
    if (quoted) inside = inside.substr(1, inside.size() - 2);
    argument = ast::Word{std::string(inside), SpanOf(begin, end), quoted};
    at_ = end + 1;
    return true;
  }

  bool ParseArgument(Operand& operand, uint32_t depth) {
    if (at_ >= text_.size() || depth > kMaxTransforms) return false;
    const size_t begin = at_;
    const char c = text_[at_];
    if (c == '(') {
      ++at_;
      operand.kind = Operand::Kind::kTuple;
      do {
        SkipBlanks();
        if (!ParseArgument(operand.tuple.emplace_back(), depth + 1)) return false;
        SkipBlanks();
      } while (Take(','));
      operand.span = SpanOf(begin, at_);
      return Take(')');
    }
    if (c == '"' || c == '\'' || IsDigit(c)) return ParseLiteral(operand);
    return ParseOperand(operand, depth);
  }

  bool ParseLiteral(Operand& operand) {
    const size_t begin = at_;
    const char quote = text_[at_];
    operand.kind = Operand::Kind::kLiteral;
    if (IsDigit(quote)) {
      while (at_ < text_.size() && IsName(text_[at_])) ++at_;
      operand.literal = ast::Word{std::string(text_.substr(begin, at_ - begin)), SpanOf(begin, at_), false};
    } else {
      const size_t end = text_.find(quote, begin + 1);
      if (end == text_.npos) return false;
      operand.literal =
          ast::Word{std::string(text_.substr(begin + 1, end - begin - 1)), SpanOf(begin, end + 1), true};
      at_ = end + 1;
    }
    operand.span = operand.literal->span;
    return true;
  }

  const std::string_view text_;
  const ast::Word& output_;
  diag::Diagnostics& diagnostics_;
  OutputPieces& known_;
  Output& pieces_;
  std::string literal_;  // up to `at_`, not yet a piece
  size_t at_ = 0;
};

}  // namespace

bool ParseOutput(const ast::Word& output, diag::Diagnostics& diagnostics, OutputPieces& known,
                 Output& pieces) {
  const bool ok = OutputParser(output, diagnostics, known, pieces).Parse();
  pieces.shrink_to_fit();
  return ok;
}

}  // namespace sluice::check
