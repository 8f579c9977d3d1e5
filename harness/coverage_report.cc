// Coverage as text, as LCOV's tracefile and as a page.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/coverage.h"

namespace sluice::harness {
namespace {

using FilePredicates = std::map<source::FileId, std::vector<const Seen*>>;

FilePredicates ByFile(const Coverage& coverage) {
  FilePredicates files;
  for (const Seen& predicate : coverage.predicates()) {
    if (predicate.span.valid()) files[predicate.span.file].push_back(&predicate);
  }
  return files;
}

std::string_view Missing(const Seen& predicate) {
  if (predicate.is_true == 0 && predicate.is_false == 0) return "never reached";
  if (predicate.is_true == 0) return "never true";
  return predicate.is_false == 0 ? "never false" : "";
}

source::Span NameSpan(const Coverage& coverage, check::RuleId rule) {
  return coverage.suite().files().Resolve(coverage.suite().rule(rule).rule.name.span);
}

size_t RulesFired(const Coverage& coverage) {
  return static_cast<size_t>(
      std::count_if(coverage.fired().begin(), coverage.fired().end(), [](uint64_t n) { return n > 0; }));
}

// Rounded down: 100 means all.
std::string PercentText(double percent) {
  return fmt::format("{:.1f} %", static_cast<int>(percent * 10) / 10.0);
}

std::string Total(const Coverage& coverage) {
  size_t seen = 0;
  for (const Seen& predicate : coverage.predicates())
    seen += (predicate.is_true > 0) + (predicate.is_false > 0);
  return fmt::format("{} of {} rules fired; {} of {} outcomes of predicates seen, {}", RulesFired(coverage),
                     coverage.fired().size(), seen, 2 * coverage.predicates().size(),
                     PercentText(coverage.Percent()));
}

// ---- the page

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

constexpr std::string_view kStyle = R"(
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222; }
h2 { font-size: 1.05em; margin: 2em 0 .3em; }
pre { background: #f7f7f7; border: 1px solid #ddd; padding: .7em 0; overflow-x: auto; line-height: 1.45; }
pre i { display: inline-block; width: 4em; padding-right: 1em; text-align: right; color: #888; font-style: normal; user-select: none; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15em 1em .15em 0; }
.all { background: #c9f0c9; } .half { background: #ffe8a3; } .none { background: #ffc9c4; }
.bad { color: #b00020; } span[title] { cursor: help; border-radius: 2px; })";

std::string_view ClassOf(const Seen& predicate) {
  const int seen = (predicate.is_true > 0) + (predicate.is_false > 0);
  return seen == 2 ? "all" : seen == 1 ? "half" : "none";
}

std::string Title(const Seen& predicate) {
  return Escaped(fmt::format("{}: {} times true, {} times false", predicate.text, predicate.is_true,
                             predicate.is_false));
}

// The words of each predicate in a span of their own. Of places that overlap the first counts.
std::string Coloured(std::string_view text, const std::vector<const Seen*>& predicates) {
  std::string out;
  size_t line = 1;
  const auto copy = [&](size_t begin, size_t end) {
    for (; begin < end; ++begin) {
      out += Escaped(text.substr(begin, 1));
      if (text[begin] == '\n' && begin + 1 < text.size()) out += fmt::format("<i>{}</i>", ++line);
    }
  };
  out += "<i>1</i>";
  size_t at = 0;
  for (const Seen* predicate : predicates) {
    if (predicate->span.begin < at) continue;
    copy(at, predicate->span.begin);
    out += fmt::format("<span class=\"{}\" title=\"{}\">", ClassOf(*predicate), Title(*predicate));
    copy(predicate->span.begin, predicate->span.end);
    out += "</span>";
    at = predicate->span.end;
  }
  copy(at, text.size());
  return out;
}

}  // namespace

std::string CoverageText(const Coverage& coverage) {
  const source::Files& files = coverage.suite().files();
  std::string out = "\n";
  for (check::RuleId rule = 0; rule < coverage.fired().size(); ++rule) {
    if (coverage.fired()[rule] > 0) continue;
    const source::Span span = NameSpan(coverage, rule);
    out +=
        fmt::format("{}:{}: `{}` never fires\n", files.name(span.file),
                    files.PositionOf(span.file, span.begin).line, coverage.suite().rule(rule).rule.name.text);
  }
  for (const Seen& predicate : coverage.predicates()) {
    const std::string_view missing = Missing(predicate);
    if (missing.empty() || !predicate.span.valid()) continue;
    const source::Position place = files.PositionOf(predicate.span.file, predicate.span.begin);
    const std::string shown =
        predicate.text.size() > 80 ? predicate.text.substr(0, 77) + "..." : predicate.text;
    out += fmt::format("{}:{}:{}: `{}` {}\n", files.name(predicate.span.file), place.line, place.column,
                       shown, missing);
  }
  return out + "coverage: " + Total(coverage) + "\n";
}

std::string CoverageLcov(const Coverage& coverage) {
  const source::Files& files = coverage.suite().files();
  std::string out = "TN:\n";
  for (const auto& [file, predicates] : ByFile(coverage)) {
    out += fmt::format("SF:{}\n", files.name(file));
    size_t rules = 0, fired = 0;
    for (check::RuleId rule = 0; rule < coverage.fired().size(); ++rule) {
      const source::Span span = NameSpan(coverage, rule);
      if (span.file != file) continue;
      const std::string& name = coverage.suite().rule(rule).rule.name.text;
      out += fmt::format("FN:{},{}\nFNDA:{},{}\n", files.PositionOf(file, span.begin).line, name,
                         coverage.fired()[rule], name);
      ++rules;
      fired += coverage.fired()[rule] > 0;
    }
    out += fmt::format("FNF:{}\nFNH:{}\n", rules, fired);
    std::map<uint32_t, uint64_t> lines;
    size_t taken = 0;
    for (size_t i = 0; i < predicates.size(); ++i) {
      const Seen& predicate = *predicates[i];
      const uint32_t line = files.PositionOf(file, predicate.span.begin).line;
      const uint64_t reached = predicate.is_true + predicate.is_false;
      lines[line] += reached;
      for (const auto& [branch, count] :
           {std::pair(0, predicate.is_true), std::pair(1, predicate.is_false)}) {
        out += fmt::format("BRDA:{},{},{},{}\n", line, i, branch, reached == 0 ? "-" : std::to_string(count));
        taken += count > 0;
      }
    }
    out += fmt::format("BRF:{}\nBRH:{}\n", 2 * predicates.size(), taken);
    size_t hit = 0;
    for (const auto& [line, count] : lines) {
      out += fmt::format("DA:{},{}\n", line, count);
      hit += count > 0;
    }
    out += fmt::format("LF:{}\nLH:{}\nend_of_record\n", lines.size(), hit);
  }
  return out;
}

std::string CoverageHtml(const Coverage& coverage) {
  const source::Files& files = coverage.suite().files();
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Coverage of "
      "rules</title><style>{}\n</style></head><body>\n"
      "<h1>Coverage of rules</h1>\n<p>{}</p>\n<p><span class=\"all\">seen true and false</span> <span "
      "class=\"half\">seen one way</span> "
      "<span class=\"none\">never "
      "reached</span></p>\n<table><tr><th>Rule</th><th>Fired</th><th>Predicates</th></tr>\n",
      kStyle, Total(coverage));
  for (check::RuleId rule = 0; rule < coverage.fired().size(); ++rule) {
    size_t seen = 0;
    for (const uint32_t index : coverage.of_rule()[rule]) {
      const Seen& predicate = coverage.predicates()[index];
      seen += (predicate.is_true > 0) + (predicate.is_false > 0);
    }
    const size_t all = 2 * coverage.of_rule()[rule].size();
    out += fmt::format(
        "<tr><td><a href=\"#f{}\">{}</a></td><td class=\"{}\">{}</td><td class=\"{}\">{}</td></tr>\n",
        NameSpan(coverage, rule).file, Escaped(coverage.suite().rule(rule).rule.name.text),
        coverage.fired()[rule] > 0 ? "" : "bad", coverage.fired()[rule], seen == all ? "" : "bad",
        PercentText(all == 0 ? 100.0 : 100.0 * static_cast<double>(seen) / static_cast<double>(all)));
  }
  out += "</table>\n";
  for (const auto& [file, predicates] : ByFile(coverage)) {
    out += fmt::format("<h2 id=\"f{}\">{}</h2>\n<pre>{}</pre>\n", file, Escaped(files.name(file)),
                       Coloured(files.text(file), predicates));
  }
  return out + "</body></html>\n";
}

}  // namespace sluice::harness
