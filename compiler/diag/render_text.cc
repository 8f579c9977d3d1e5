// Text for a terminal. A line is first laid out into cells (tabs expanded, bad bytes replaced), then the
// cells around a label are shown with its carets below.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "compiler/diag/render.h"
#include "compiler/source/utf8.h"

namespace sluice::diag {
namespace {

constexpr size_t kTabStop = 4;
constexpr size_t kMaxShown = 120;     // terminal columns of a source line that are shown
constexpr size_t kLeadShown = 40;     // of these, how many stand before the label when the line is cut
constexpr size_t kMaxLaidOut = 4096;  // bytes
constexpr std::string_view kCut = "...";

struct Palette {
  std::string_view bold, error, warning, note, accent, reset;
};
constexpr Palette kColour{"\x1b[1m", "\x1b[1;31m", "\x1b[1;35m", "\x1b[1;36m", "\x1b[1;34m", "\x1b[0m"};
constexpr Palette kPlain{};

std::string_view SeverityColour(Severity severity, const Palette& palette) {
  switch (severity) {
    case Severity::kError:
      return palette.error;
    case Severity::kWarning:
      return palette.warning;
    case Severity::kNote:
      return palette.note;
  }
  return "";
}

// Approximate on purpose: enough for carets to stand right under East Asian text and emoji.
size_t WidthOf(uint32_t point) {
  constexpr struct {
    uint32_t first, last;
  } kWide[] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},  {0xac00, 0xd7a3}, {0xf900, 0xfaff},
               {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6}, {0x1f300, 0x1f64f},
               {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
  if (point >= 0x300 && point <= 0x36f) return 0;
  for (const auto& range : kWide) {
    if (point >= range.first && point <= range.last) return 2;
  }
  return 1;
}

// Control characters would move the cursor, and direction marks would reorder what is shown.
bool Unprintable(uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x202a && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0x200e || point == 0x200f;
}

// A line as the terminal shows it: `text`, and for each byte of the source the terminal column where it
// begins.
struct Layout {
  struct Cell {
    std::string text;
    size_t width;
  };
  std::vector<Cell> cells;
  std::vector<size_t> cell_of_byte;  // one more than there are bytes

  explicit Layout(std::string_view line) {
    size_t column = 0;
    for (size_t i = 0; i < line.size();) {
      const source::CodePoint point = source::DecodeUtf8(line, i);
      cell_of_byte.insert(cell_of_byte.end(), point.bytes, cells.size());
      Cell cell;
      if (point.value == '\t' && point.valid) {
        cell.width = kTabStop - column % kTabStop;
        cell.text.assign(cell.width, ' ');
      } else if (!point.valid || Unprintable(point.value)) {
        cell = {"\xef\xbf\xbd", 1};
      } else {
        cell = {std::string(line.substr(i, point.bytes)), WidthOf(point.value)};
      }
      column += cell.width;
      cells.push_back(std::move(cell));
      i += point.bytes;
    }
    cell_of_byte.push_back(cells.size());
  }

  size_t Width(size_t first, size_t last) const {
    size_t width = 0;
    for (size_t i = first; i < last; ++i) width += cells[i].width;
    return width;
  }
};

struct Mark {
  size_t first, last;  // bytes of the line
  bool primary;
  std::string_view text;
};

// The label's bytes on the line where it begins.
struct Place {
  source::FileId file;
  uint32_t line;
  Mark mark;
};

Place PlaceOf(const source::Files& files, const Label& label, bool primary) {
  const source::FileId file = label.span.file;
  const uint32_t line = files.PositionOf(file, label.span.begin).line;
  const std::string_view text = files.Line(file, line);
  const size_t line_begin = static_cast<size_t>(text.data() - files.text(file).data());
  const auto clamp = [&](size_t offset) {
    return std::clamp<size_t>(offset, line_begin, line_begin + text.size()) - line_begin;
  };
  return {file, line, {clamp(label.span.begin), clamp(label.span.end), primary, label.text}};
}

class TextRenderer {
 public:
  TextRenderer(const source::Files& files, bool colour)
      : files_(files), palette_(colour ? kColour : kPlain) {}

  void Add(const Diagnostic& diagnostic) {
    severity_ = RowOf(diagnostic.code).severity;
    Head(diagnostic);
    Labels(diagnostic);
    if (!diagnostic.note.empty()) Remark("note", diagnostic.note);
    if (!diagnostic.help.empty()) Remark("help", diagnostic.help);
    out_ += '\n';
  }

  std::string Take(size_t dropped) {
    if (dropped > 0) out_ += fmt::format("{} more not shown\n", dropped);
    return std::move(out_);
  }

 private:
  // Messages quote the user's words, which may hold anything.
  static std::string Clean(std::string_view text) {
    std::string clean;
    for (const Layout::Cell& cell : Layout(text).cells) clean += cell.text;
    return clean;
  }

  void Head(const Diagnostic& diagnostic) {
    const CodeRow& row = RowOf(diagnostic.code);
    std::string where;
    if (diagnostic.primary.span.valid())
      where = Where(diagnostic.primary.span.file, diagnostic.primary.span.begin) + ": ";
    out_ += fmt::format("{}{}{}{}{}[{}]{}{}: {}{}\n", palette_.bold, where, palette_.reset,
                        SeverityColour(row.severity, palette_), SeverityWord(row.severity), row.name,
                        palette_.reset, palette_.bold, Clean(diagnostic.message), palette_.reset);
  }

  std::string Where(source::FileId file, uint32_t offset) const {
    const source::Position position = files_.PositionOf(file, offset);
    return fmt::format("{}:{}:{}", Clean(files_.name(file)), position.line, position.column);
  }

  void Labels(const Diagnostic& diagnostic) {
    std::vector<Place> places;
    if (diagnostic.primary.span.valid()) places.push_back(PlaceOf(files_, diagnostic.primary, true));
    for (const Label& label : diagnostic.others) {
      if (label.span.valid()) places.push_back(PlaceOf(files_, label, false));
    }
    gutter_ = 4;
    for (const Place& place : places) gutter_ = std::max(gutter_, std::to_string(place.line).size() + 1);
    // The file of the primary label comes first, then each other file in the order of its first label.
    std::vector<source::FileId> order;
    for (const Place& place : places) {
      if (std::find(order.begin(), order.end(), place.file) == order.end()) order.push_back(place.file);
    }
    for (const source::FileId file : order) {
      std::map<uint32_t, std::vector<Mark>> lines;
      for (const Place& place : places) {
        if (place.file == file) lines[place.line].push_back(place.mark);
      }
      if (file != order.front()) {
        out_ += fmt::format("{:>{}}{}::: {}{}\n", "", gutter_, palette_.accent, Clean(files_.name(file)),
                            palette_.reset);
      }
      FileLines(file, lines);
    }
  }

  void FileLines(source::FileId file, std::map<uint32_t, std::vector<Mark>>& lines) {
    uint32_t previous = 0;
    for (auto& [line, marks] : lines) {
      if (previous != 0 && line > previous + 1)
        out_ += fmt::format("{}...{}\n", palette_.accent, palette_.reset);
      previous = line;
      std::stable_sort(marks.begin(), marks.end(),
                       [](const Mark& a, const Mark& b) { return a.first < b.first; });
      const std::string_view text = files_.Line(file, line);
      if (text.size() > kMaxLaidOut) {
        for (const Mark& mark : marks) Part(text, line, mark);
        continue;
      }
      const Layout layout(text);
      if (layout.Width(0, layout.cells.size()) <= kMaxShown) {
        Gutter(std::to_string(line));
        Cells(layout, 0, layout.cells.size());
        for (const Mark& mark : marks) Carets(layout, mark, 0, layout.cells.size(), 0);
      } else {
        for (const Mark& mark : marks) CutLine(layout, line, mark);
      }
    }
  }

  // A line of megabytes is not laid out as a whole.
  void Part(std::string_view text, uint32_t line, Mark mark) {
    const auto inside = [&](size_t i) { return i > 0 && i < text.size() && (text[i] & 0xc0) == 0x80; };
    size_t first = mark.first - std::min(mark.first, kMaxLaidOut / 4);
    while (inside(first)) --first;
    size_t last = std::min(first + kMaxLaidOut, text.size());
    while (inside(last)) --last;
    mark.first -= first;
    mark.last = std::min(mark.last, last) - first;
    CutLine(Layout(text.substr(first, last - first)), line, mark);
  }

  // Of a long line only the surroundings of the label are shown.
  void CutLine(const Layout& layout, uint32_t line, const Mark& mark) {
    size_t first = layout.cell_of_byte[mark.first];
    for (size_t width = 0; first > 0 && width < kLeadShown; --first) width += layout.cells[first - 1].width;
    size_t last = first;
    for (size_t width = 0; last < layout.cells.size() && width < kMaxShown; ++last)
      width += layout.cells[last].width;
    Gutter(std::to_string(line));
    const std::string_view before = first > 0 ? kCut : "";
    out_ += before;
    Cells(layout, first, last, last < layout.cells.size() ? kCut : "");
    Carets(layout, mark, first, last, before.size());
  }

  void Gutter(std::string_view number) {
    out_ += fmt::format("{}{:>{}} |{} ", palette_.accent, number, gutter_, palette_.reset);
  }

  void Cells(const Layout& layout, size_t first, size_t last, std::string_view after = "") {
    for (size_t i = first; i < last; ++i) out_ += layout.cells[i].text;
    out_ += after;
    EndLine();
  }

  void Carets(const Layout& layout, const Mark& mark, size_t shown_first, size_t shown_last, size_t shift) {
    const size_t first = std::clamp(layout.cell_of_byte[mark.first], shown_first, shown_last);
    const size_t last = std::clamp(layout.cell_of_byte[mark.last], first, shown_last);
    const size_t width = std::max<size_t>(1, layout.Width(first, last));
    Gutter("");
    out_.append(shift + layout.Width(shown_first, first), ' ');
    out_ += mark.primary ? SeverityColour(severity_, palette_) : palette_.accent;
    out_.append(width, mark.primary ? '^' : '-');
    if (!mark.text.empty()) out_ += " " + Clean(mark.text);
    out_ += palette_.reset;
    EndLine();
  }

  void Remark(std::string_view kind, std::string_view text) {
    const std::string indent(gutter_ + 1, ' ');
    out_ += fmt::format("{}{}={} {}{}:{} ", indent, palette_.accent, palette_.reset, palette_.bold, kind,
                        palette_.reset);
    // Further lines of a remark stand under its first.
    for (size_t i = 0; i <= text.size();) {
      const size_t end = std::min(text.find('\n', i), text.size());
      if (i > 0) out_ += indent + "        ";
      out_ += Clean(text.substr(i, end - i));
      EndLine();
      i = end + 1;
    }
  }

  void EndLine() {
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    out_ += '\n';
  }

  const source::Files& files_;
  const Palette& palette_;
  Severity severity_ = Severity::kError;
  size_t gutter_ = 4;
  std::string out_;
};

}  // namespace

std::string RenderText(const Diagnostics& diagnostics, const source::Files& files, bool colour) {
  TextRenderer renderer(files, colour);
  for (const Diagnostic& diagnostic : diagnostics.all()) renderer.Add(Resolved(diagnostic, files));
  return renderer.Take(diagnostics.dropped());
}

}  // namespace sluice::diag
