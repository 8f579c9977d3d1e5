#include "compiler/yaml/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "compiler/source/utf8.h"

namespace sluice::yaml {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Length of the escape sequence that starts at the backslash, as YAML's double quotes know them.
size_t EscapeBytes(std::string_view raw, size_t at) {
  if (at + 1 >= raw.size()) return 1;
  switch (raw[at + 1]) {
    case 'x':
      return 4;
    case 'u':
      return 6;
    case 'U':
      return 10;
    default:
      return 2;
  }
}

// Finds each byte of a scalar's value in the raw text. Folding and indentation only ever change white space,
// so the other characters appear in the same order; escapes and doubled quotes are the exceptions.
class Alignment {
 public:
  Alignment(std::string_view file_text, source::FileId file, uint32_t begin)
      : text_(file_text), file_(file), at_(begin) {}

  void Skip(size_t bytes) { at_ = std::min<size_t>(at_ + bytes, text_.size()); }

  // Returns the end of the raw text.
  uint32_t Place(std::string_view value, char quote, std::vector<source::Files::Piece>& pieces) {
    for (size_t i = 0; i < value.size(); ++i) PlaceByte(value, i, quote, pieces);
    return static_cast<uint32_t>(std::min(at_, text_.size()));
  }

 private:
  void PlaceByte(std::string_view value, size_t i, char quote, std::vector<source::Files::Piece>& pieces) {
    const char c = value[i];
    if (quote == '"') SkipContinuedLine();
    const bool escaped = quote == '"' && at_ < text_.size() && text_[at_] == '\\';
    if (IsBlank(c) && !escaped) {
      // The run of white space that stands here; its first byte stands for this one.
      Emit(i, pieces);
      if (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
      const bool last_blank = i + 1 >= value.size() || !IsBlank(value[i + 1]);
      while (last_blank && at_ < text_.size() && IsBlank(text_[at_])) ++at_;
      return;
    }
    while (at_ < text_.size() && IsBlank(text_[at_]) && text_[at_] != c) ++at_;
    if (quote == '"') SkipContinuedLine();
    if (quote == '"' && at_ < text_.size() && text_[at_] == '\\') {
      Emit(i, pieces);
      // A multi-byte character from one escape: its later bytes stay at the same place.
      if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) pending_ = EscapeBytes(text_, at_);
      const bool more = i + 1 < value.size() && (static_cast<unsigned char>(value[i + 1]) & 0xC0) == 0x80;
      if (!more) at_ += pending_;
      return;
    }
    Emit(i, pieces);
    if (quote == '\'' && c == '\'') ++at_;
    ++at_;
  }

  // A backslash at the end of a line of "..." joins the lines.
  void SkipContinuedLine() {
    while (at_ + 1 < text_.size() && text_[at_] == '\\' &&
           (text_[at_ + 1] == '\n' || text_[at_ + 1] == '\r')) {
      ++at_;
      while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
    }
  }

  void Emit(size_t i, std::vector<source::Files::Piece>& pieces) {
    const auto begin = static_cast<uint32_t>(i);
    const auto at = static_cast<uint32_t>(std::min(at_, text_.size()));
    if (!pieces.empty()) {
      source::Files::Piece& last = pieces.back();
      if (last.origin.end == at && last.origin.end - last.origin.begin == begin - last.begin) {
        ++last.origin.end;
        return;
      }
    }
    pieces.push_back({begin, {file_, at, at + 1}});
  }

  std::string_view text_;
  source::FileId file_;
  size_t at_;
  size_t pending_ = 0;
};

// Makes nodes of yaml-cpp's events, so that its own tree is never built. An anchor's node is kept for the
// aliases that name it.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const source::Files& files, source::FileId file, diag::Diagnostics& diagnostics)
      : text_(files.text(file)), file_(file), diagnostics_(diagnostics) {}

  std::vector<Node> Take() { return std::move(documents_); }

  // At some faults yaml-cpp starts a document after the other at one place, without end: here that is a fault
  // like any other.
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == last_) throw YAML::ParserException(mark, "a value cannot begin here");
    last_ = mark.pos;
    anchors_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Add(At(mark), anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    const bool endless = known == anchors_.end() || open_.size() + known->second.height > kMaxDepth;
    Node node = At(mark);
    if (endless) return Add(TooDeep(node), 0);
    if (nodes_ + known->second.nodes > kMaxNodes) return Add(TooMany(node), 0);
    nodes_ += known->second.nodes;
    Put(known->second.node, known->second.height);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = At(mark);
    FillScalar(value, node.span.begin, node);
    Add(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, Node::Kind::kSequence, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, Node::Kind::kMap, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Collection {
    Node node;
    YAML::anchor_t anchor = 0;
    size_t first_node = 0;  // as counted
    size_t height = 0;      // of what it holds
    bool kept = true;       // false: it stands too deep
    std::optional<Node> key;
  };
  struct Anchored {
    Node node;
    size_t nodes = 0, height = 0;
  };

  Node At(const YAML::Mark& mark) const {
    Node node;
    const auto at =
        static_cast<uint32_t>(std::clamp<int64_t>(mark.pos, 0, static_cast<int64_t>(text_.size())));
    node.span = {file_, at, std::min<uint32_t>(at + 1, static_cast<uint32_t>(text_.size()))};
    return node;
  }

  void Open(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor) {
    Collection opened;
    opened.node = At(mark);
    opened.first_node = nodes_;
    opened.anchor = anchor;
    opened.kept = open_.size() < kMaxDepth;
    if (opened.kept) opened.node.kind = kind;
    if (!opened.kept) opened.node = TooDeep(opened.node);
    open_.push_back(std::move(opened));
  }

  void Close() {
    Collection closed = std::move(open_.back());
    open_.pop_back();
    ++nodes_;
    if (closed.anchor != 0)
      anchors_[closed.anchor] = {closed.node, nodes_ - closed.first_node, closed.height + 1};
    Put(std::move(closed.node), closed.height + 1);
  }

  void Add(Node node, YAML::anchor_t anchor) {
    if (++nodes_ > kMaxNodes) node = TooMany(node);
    if (open_.size() >= kMaxDepth) node = TooDeep(node);
    if (anchor != 0) anchors_[anchor] = {node, 1, 1};
    Put(std::move(node), 1);
  }

  // Into the collection that is open, or as a document.
  void Put(Node node, size_t height) {
    if (open_.empty()) {
      documents_.push_back(std::move(node));
      return;
    }
    Collection& into = open_.back();
    into.height = std::max(into.height, height);
    if (!into.kept || nodes_ > kMaxNodes) return;
    if (into.node.kind == Node::Kind::kSequence) {
      into.node.items.push_back(std::move(node));
    } else if (!into.key) {
      into.key = std::move(node);
    } else {
      into.node.entries.push_back({std::move(*into.key), std::move(node)});
      into.key.reset();
    }
  }

  Node TooDeep(const Node& node) {
    if (!reported_) {
      diagnostics_.Add(diag::Code::E111, node.span, fmt::format("More than {} levels of YAML", kMaxDepth))
          .note = "an alias that names what it stands in has no end";
      reported_ = true;
    }
    return Emptied(node);
  }

  Node TooMany(const Node& node) {
    if (!reported_) {
      diagnostics_.Add(diag::Code::E110, node.span, "This YAML has more nodes than can be held").note =
          fmt::format("at most {} nodes, with aliases followed", kMaxNodes);
      reported_ = true;
    }
    return Emptied(node);
  }

  static Node Emptied(const Node& node) {
    Node empty;
    empty.span = node.span;
    return empty;
  }

  void FillScalar(const std::string& value, uint32_t at, Node& node) {
    node.kind = Node::Kind::kScalar;
    node.text = value;
    size_t begin = at;
    // A tag or an anchor may stand before the value.
    while (begin < text_.size() && (text_[begin] == '!' || text_[begin] == '&')) {
      while (begin < text_.size() && !IsBlank(text_[begin])) ++begin;
      while (begin < text_.size() && IsBlank(text_[begin])) ++begin;
    }
    const char first = begin < text_.size() ? text_[begin] : '\0';
    char quote = '\0';
    Alignment alignment(text_, file_, static_cast<uint32_t>(begin));
    if (first == '"' || first == '\'') {
      quote = first;
      node.quoted = true;
      alignment.Skip(1);
    } else if (first == '>' || first == '|') {
      const size_t line_end = text_.find('\n', begin);
      alignment.Skip((line_end == std::string_view::npos ? text_.size() : line_end + 1) - begin);
    }
    const uint32_t end = alignment.Place(node.text, quote, node.pieces);
    node.span = {file_, static_cast<uint32_t>(begin), std::max<uint32_t>(end, static_cast<uint32_t>(begin))};
    if (!node.pieces.empty() && quote == '\0') node.span.begin = node.pieces.front().origin.begin;
  }

  std::string_view text_;
  source::FileId file_;
  diag::Diagnostics& diagnostics_;
  std::vector<Node> documents_;
  std::vector<Collection> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  size_t nodes_ = 0;
  int last_ = -1;
  bool reported_ = false;
};

}  // namespace

const Node* Node::Find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.kind == Kind::kScalar && name.text == key) return &value;
  }
  return nullptr;
}

std::vector<Node> ReadYaml(const source::Files& files, source::FileId file, diag::Diagnostics& diagnostics) {
  std::vector<Node> documents;
  const std::string_view text = files.text(file);
  if (const size_t bad = source::FindBadByte(text); bad != std::string_view::npos) {
    const auto at = static_cast<uint32_t>(bad);
    diagnostics
        .Add(diag::Code::E105, {file, at, at + 1},
             text[bad] == '\0'
                 ? std::string("A NUL byte does not belong into a text")
                 : fmt::format("The byte 0x{:02x} is not UTF-8", static_cast<uint8_t>(text[bad])))
        .help = "save the file as UTF-8";
    return documents;
  }
  try {
    std::istringstream input{std::string(text)};
    YAML::Parser parser(input);
    Builder builder(files, file, diagnostics);
    while (parser.HandleNextDocument(builder)) {
    }
    documents = builder.Take();
  } catch (const YAML::Exception& error) {
    const auto size = static_cast<uint32_t>(files.text(file).size());
    const auto at = static_cast<uint32_t>(std::clamp<int64_t>(error.mark.pos, 0, size));
    diagnostics
        .Add(diag::Code::E111, {file, at, std::min(at + 1, size)}, "This is not valid YAML: " + error.msg)
        .help =
        "a value with `: `, ` #` or leading `*`, `&`, `%` needs quotes; indentation is made of blanks, never "
        "of tabs";
  }
  return documents;
}

}  // namespace sluice::yaml
