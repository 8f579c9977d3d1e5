#include "harness/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/diag/render.h"
#include "runtime/alert/text.h"

namespace sluice::harness {
namespace {

using diag::Code;
using diag::Diagnostic;

struct Place {
  std::string file;
  source::Position position;
};

Place PlaceOf(const source::Files& files, source::Span span) {
  if (!span.valid()) return {};
  return {std::string(files.name(span.file)), files.PositionOf(span.file, span.begin)};
}

std::string Plural(size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

const ast::Test& TestOf(const Suite& suite, const Result& result) { return *suite.cases[result.index].test; }

std::string NameOf(const Suite& suite, const Result& result) {
  return alert::Printable(TestOf(suite, result).name.text);
}

std::string FileOf(const Suite& suite, const Result& result) {
  return PlaceOf(suite.files(), TestOf(suite, result).name.span).file;
}

// As the compiler shows its own.
std::string FailureText(const Suite& suite, const Diagnostic& failure, bool colour) {
  diag::Diagnostics one;
  one.Add(failure.code, failure.primary.span, failure.message) = failure;
  return diag::RenderText(one, suite.files(), colour);
}

std::string FailureTexts(const Suite& suite, const Result& result) {
  std::string text;
  for (const Diagnostic& failure : result.failures) text += FailureText(suite, failure, false);
  return text;
}

std::string RenderText(const Suite& suite, const std::vector<Result>& results, const ReportOptions& options) {
  const std::string_view green = options.colour ? "\x1b[32m" : "", red = options.colour ? "\x1b[1;31m" : "",
                         end = options.colour ? "\x1b[0m" : "";
  std::string out;
  for (const Result& result : results) {
    if (result.passed() && options.quiet) continue;
    if (!result.skipped.empty()) {
      out += fmt::format("SKIP {}: {}: {}\n", FileOf(suite, result), NameOf(suite, result), result.skipped);
      continue;
    }
    out += fmt::format("{}{}{} {}: {}\n", result.passed() ? green : red, result.passed() ? "PASS" : "FAIL",
                       end, FileOf(suite, result), NameOf(suite, result));
    for (const Diagnostic& failure : result.failures) out += FailureText(suite, failure, options.colour);
  }
  return out;
}

// ---- TAP

std::string Indented(const std::string& text, std::string_view indent) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out += std::string(indent) + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

std::string RenderTap(const Suite& suite, const std::vector<Result>& results) {
  std::string out = fmt::format("TAP version 14\n1..{}\n", results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    const Result& result = results[i];
    std::string name;
    for (const char c : fmt::format("{}: {}", FileOf(suite, result), NameOf(suite, result))) {
      if (c == '#' || c == '\\') name += '\\';
      name += c;
    }
    out += fmt::format("{} {} - {}{}{}\n", result.passed() ? "ok" : "not ok", i + 1, name,
                       result.skipped.empty() ? "" : " # SKIP ", result.skipped);
    if (result.passed()) continue;
    out += fmt::format("  ---\n  severity: {}\n  message: |\n", result.differs() ? "difference" : "fail");
    out += Indented(FailureTexts(suite, result), "    ") + "  ...\n";
  }
  return out;
}

// ---- JUnit

std::string Xml(std::string_view text) {
  std::string out;
  for (const char c : alert::ValidUtf8(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

double Seconds(uint64_t time_ns) { return static_cast<double>(time_ns) / 1e9; }

std::string RenderJunit(const Suite& suite, const std::vector<Result>& results) {
  std::vector<std::string> files;
  for (const Result& result : results) {
    const std::string file = FileOf(suite, result);
    if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
  }
  const auto failed = [](const Result& result) { return !result.passed(); };
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += fmt::format("<testsuites name=\"sluice\" tests=\"{}\" failures=\"{}\">\n", results.size(),
                     std::count_if(results.begin(), results.end(), failed));
  for (const std::string& file : files) {
    size_t tests = 0, failures = 0, skipped = 0;
    uint64_t time_ns = 0;
    std::string cases;
    for (const Result& result : results) {
      if (FileOf(suite, result) != file) continue;
      ++tests;
      failures += failed(result);
      skipped += !result.skipped.empty();
      time_ns += result.time_ns;
      const uint32_t line = PlaceOf(suite.files(), TestOf(suite, result).name.span).position.line;
      cases += fmt::format(
          "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.6f}\"", Xml(file),
          Xml(TestOf(suite, result).name.text), Xml(file), line, Seconds(result.time_ns));
      if (!result.skipped.empty()) {
        cases += fmt::format("><skipped message=\"{}\"/></testcase>\n", Xml(result.skipped));
        continue;
      }
      if (result.passed()) {
        cases += "/>\n";
        continue;
      }
      cases += fmt::format(">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                           result.differs() ? "difference" : "expectation", Xml(result.failures[0].message),
                           Xml(FailureTexts(suite, result)));
    }
    out += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" "
        "time=\"{:.6f}\">\n{}  </testsuite>\n",
        Xml(file), tests, failures, skipped, Seconds(time_ns), cases);
  }
  return out + "</testsuites>\n";
}

// ---- GitHub

std::string Escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\n' || c == '\r' || (property && (c == ':' || c == ','))) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string Annotation(const source::Files& files, Diagnostic diagnostic, std::string_view title) {
  diagnostic = diag::Resolved(std::move(diagnostic), files);
  const diag::CodeRow& row = diag::RowOf(diagnostic.code);
  std::string text = diagnostic.message;
  for (const diag::Label& label : diagnostic.others) {
    if (!label.span.valid() || label.text.empty()) continue;
    const Place place = PlaceOf(files, label.span);
    text += fmt::format("\n{}:{}: {}", place.file, place.position.line, label.text);
  }
  if (!diagnostic.note.empty()) text += "\n" + diagnostic.note;
  if (!diagnostic.help.empty()) text += "\n" + diagnostic.help;
  const Place place = PlaceOf(files, diagnostic.primary.span);
  const std::string where = place.file.empty()
                                ? ""
                                : fmt::format("file={},line={},col={},", Escaped(place.file, true),
                                              place.position.line, place.position.column);
  return fmt::format("::{} {}title={}::{}\n", row.severity == diag::Severity::kError ? "error" : "warning",
                     where,
                     Escaped(fmt::format("{} [{}]", title.empty() ? row.title : title, row.name), true),
                     Escaped(alert::ValidUtf8(text), false));
}

}  // namespace

std::string RenderFaults(const diag::Diagnostics& diagnostics, const source::Files& files, Format format) {
  std::string annotations, first, cases;
  size_t errors = 0;
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    if (diag::RowOf(diagnostic.code).severity != diag::Severity::kError) continue;
    ++errors;
    annotations += Annotation(files, diagnostic, "");
    const Place place = PlaceOf(files, diagnostic.primary.span);
    if (first.empty())
      first = fmt::format("{}:{}:{}: {}", place.file, place.position.line, place.position.column,
                          diagnostic.message);
    cases += fmt::format(
        "    <testcase classname=\"{0}\" name=\"compiles, line {1}\" file=\"{0}\" line=\"{1}\" time=\"0\">\n"
        "      <error type=\"{2}\" message=\"{3}\"/>\n    </testcase>\n",
        Xml(place.file), place.position.line, diag::RowOf(diagnostic.code).name, Xml(diagnostic.message));
  }
  if (format == Format::kText) return "";
  if (format == Format::kGithub) return annotations;
  if (format == Format::kTap) return fmt::format("TAP version 14\nBail out! {}\n", alert::Printable(first));
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"sluice\" tests=\"{0}\" "
      "errors=\"{0}\">\n"
      "  <testsuite name=\"rules and tests\" tests=\"{0}\" failures=\"0\" errors=\"{0}\" skipped=\"0\" "
      "time=\"0\">\n{1}  </testsuite>\n</testsuites>\n",
      errors, cases);
}

std::string Render(const Suite& suite, const std::vector<Result>& results, const ReportOptions& options) {
  switch (options.format) {
    case Format::kText:
      return RenderText(suite, results, options);
    case Format::kTap:
      return RenderTap(suite, results);
    case Format::kJunit:
      return RenderJunit(suite, results);
    case Format::kGithub:
      break;
  }
  std::string out;
  for (const Result& result : results) {
    for (const Diagnostic& failure : result.failures)
      out += Annotation(suite.files(), failure, TestOf(suite, result).name.text);
  }
  return out;
}

std::string Summary(const std::vector<Result>& results, const KernelCount& kernel, bool reasons) {
  size_t failed = 0, differ = 0, skipped = 0;
  for (const Result& result : results) {
    failed += !result.passed();
    differ += result.differs();
    skipped += !result.skipped.empty();
  }
  std::string out = fmt::format("{}: {} passed, {} failed", Plural(results.size(), "test"),
                                results.size() - failed - skipped, failed);
  if (skipped > 0) out += fmt::format(", {} skipped", skipped);
  if (differ > 0) out += fmt::format(" ({} because the ways to judge differ)", differ);
  if (kernel.judged + kernel.left_out > 0)
    out += fmt::format("; {} in the kernel plan, {} left out", Plural(kernel.judged, "verdict"),
                       kernel.left_out);
  if (!reasons && kernel.left_out > 0) out += " (--verbose says why)";
  out += '\n';
  for (const auto& [reason, count] : kernel.reasons) {
    if (reasons) out += fmt::format("  left out {}: {}\n", count, reason);
  }
  return out;
}

}  // namespace sluice::harness
