#include "compiler/diag/diag.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "compiler/diag/render.h"

namespace sluice::diag {
namespace {

TEST(Codes, AreDistinctAndNameTheirSeverity) {
  std::set<std::string_view> names, slugs;
  constexpr Code kAll[] = {
#define DIAG(code, severity, slug, title) Code::code,
#include "compiler/diag/codes.def"
#undef DIAG
  };
  for (const Code code : kAll) {
    const CodeRow& row = RowOf(code);
    EXPECT_EQ(row.code, code);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(slugs.insert(row.slug).second) << row.slug;
    const char letter = row.severity == Severity::kError     ? 'E'
                        : row.severity == Severity::kWarning ? 'W'
                                                             : 'N';
    EXPECT_EQ(row.name[0], letter) << row.name;
  }
}

TEST(Add, CountsAndPrefersErrorsOnceFull) {
  Diagnostics diagnostics;
  for (size_t i = 0; i < kMaxDiagnostics; ++i) diagnostics.Add(Code::W201, {}, "w");
  EXPECT_TRUE(diagnostics.ok());
  diagnostics.Add(Code::W201, {}, "one too many");
  EXPECT_EQ(diagnostics.dropped(), 1u);
  diagnostics.Add(Code::E201, {}, "an error").help = "still kept";
  EXPECT_FALSE(diagnostics.ok());
  ASSERT_EQ(diagnostics.all().size(), kMaxDiagnostics);
  EXPECT_EQ(diagnostics.all().back().help, "still kept");
  EXPECT_EQ(diagnostics.errors(), 1u);
  EXPECT_EQ(diagnostics.warnings(), kMaxDiagnostics + 1);
  EXPECT_EQ(diagnostics.dropped(), 2u);
  for (size_t i = 0; i < 2 * kMaxDiagnostics; ++i) diagnostics.Add(Code::E201, {}, "e");
  EXPECT_EQ(diagnostics.all().size(), kMaxDiagnostics);
  EXPECT_EQ(diagnostics.errors(), 2 * kMaxDiagnostics + 1);
}

TEST(Add, EarlierResultsStayValid) {
  Diagnostics diagnostics;
  Diagnostic& first = diagnostics.Add(Code::E101, {}, "first");
  for (int i = 0; i < 50; ++i) diagnostics.Add(Code::E101, {}, "more");
  first.help = "late";
  EXPECT_EQ(diagnostics.all().front().help, "late");
}

TEST(Nearest, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string_view> known = {"startswith", "endswith",  "contains",
                                               "in",         "proc.name", "proc.pname"};
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"startwith", "startswith"},
      {"starstwith", "startswith"},
      {"Contains", "contains"},
      {"proc.nmae", "proc.name"},
      {"completely", ""},
      {"", ""},
      {"x", ""},
      {"ni", "in"},
      {"containz", "contains"},
      {"CONT", "contains"},
      {"proc", ""},
      {"st", ""},
  };
  for (const auto& [word, expected] : cases) EXPECT_EQ(Nearest(word, known), expected) << word;
  EXPECT_EQ(NearestSpelling("cont", known), "");
  EXPECT_EQ(Nearest(std::string(1000, 'a'), known), "");
}

struct Rendered {
  source::Files files;
  Diagnostics diagnostics;
  std::string Text(bool colour = false) const { return RenderText(diagnostics, files, colour); }
};

TEST(RenderText, ShowsCaretsLabelsNoteAndHelp) {
  Rendered r;
  const auto a = r.files.Add("a.rule", "list x = [a]\nlist y = [b]\n\n\n\nlist x = [c]\n");
  const auto b = r.files.Add("b.rule", "\tlist x = [d]\n");
  auto& d = r.diagnostics.Add(Code::E206, {a, 34, 35}, "The list `x` is declared twice");
  d.primary.text = "again here";
  d.others.push_back({{a, 5, 6}, "first declared here"});
  d.others.push_back({{b, 6, 7}, "and here"});
  d.note = "names are shared by all files";
  d.help = "rename one:\nlist x2 = [c]";
  EXPECT_EQ(r.Text(), R"(a.rule:6:6: error[E206]: The list `x` is declared twice
   1 | list x = [a]
     |      - first declared here
...
   6 | list x = [c]
     |      ^ again here
    ::: b.rule
   1 |     list x = [d]
     |          - and here
     = note: names are shared by all files
     = help: rename one:
             list x2 = [c]

)");
}

TEST(RenderText, PutsCaretsUnderTabsWideAndBrokenText) {
  Rendered r;
  const auto a = r.files.Add("a", "x\ty\n\xe6\xbc\xa2\xe5\xad\x97 z\n\xff\x1b z\n");
  r.diagnostics.Add(Code::E101, {a, 2, 3}, "tab");
  r.diagnostics.Add(Code::E101, {a, 11, 12}, "wide");
  r.diagnostics.Add(Code::E101, {a, 16, 17}, "broken");
  EXPECT_EQ(r.Text(),
            "a:1:3: error[E101]: tab\n   1 | x   y\n     |     ^\n\n"
            "a:2:4: error[E101]: wide\n   2 | \xe6\xbc\xa2\xe5\xad\x97 z\n     |      ^\n\n"
            "a:3:4: error[E101]: broken\n   3 | \xef\xbf\xbd\xef\xbf\xbd z\n     |    ^\n\n");
}

TEST(RenderText, SurvivesOddPlaces) {
  Rendered r;
  const auto empty = r.files.Add("empty", "");
  const auto lines = r.files.Add("lines", "one\ntwo\n");
  r.diagnostics.Add(Code::E101, {}, "nowhere");
  r.diagnostics.Add(Code::E101, {empty, 0, 0}, "empty file");
  r.diagnostics.Add(Code::E101, {lines, 8, 8}, "end of file");
  r.diagnostics.Add(Code::E101, {lines, 1, 6}, "over two lines");
  EXPECT_EQ(r.Text(),
            "error[E101]: nowhere\n\n"
            "empty:1:1: error[E101]: empty file\n   1 |\n     | ^\n\n"
            "lines:3:1: error[E101]: end of file\n   3 |\n     | ^\n\n"
            "lines:1:2: error[E101]: over two lines\n   1 | one\n     |  ^^\n\n");
}

TEST(RenderText, CutsALongLineAroundTheLabel) {
  for (const size_t before : {200u, 100'000u}) {
    Rendered r;
    const std::string text = std::string(before, 'a') + "BAD" + std::string(before, 'b');
    const auto file = r.files.Add("long", text);
    const auto at = static_cast<uint32_t>(before);
    r.diagnostics.Add(Code::E101, {file, at, at + 3}, "bad");
    const std::string out = r.Text();
    EXPECT_LT(out.size(), 400u);
    EXPECT_NE(out.find("..." + std::string(40, 'a') + "BADbbb"), std::string::npos) << out;
    EXPECT_NE(out.find("     | " + std::string(43, ' ') + "^^^\n"), std::string::npos) << out;
  }
}

TEST(RenderText, ColoursOnlyWhenAsked) {
  Rendered r;
  const auto file = r.files.Add("a", "x");
  r.diagnostics.Add(Code::W201, {file, 0, 1}, "unused");
  EXPECT_EQ(r.Text().find('\x1b'), std::string::npos);
  EXPECT_NE(r.Text(true).find("\x1b[1;35mwarning[W201]\x1b[0m"), std::string::npos) << r.Text(true);
}

// Whatever the bytes, both formats are valid JSON.
TEST(RenderJson, IsValidWhateverTheBytes) {
  Rendered r;
  const auto file = r.files.Add("na\xffme.rule",
                                "a\xff"
                                "b\n");
  auto& d = r.diagnostics.Add(Code::E105, {file, 1, 2}, "byte \xff");
  d.others.push_back({{file, 0, 1}, "label \xfe"});
  d.help = "help \xfd";
  d.patches.push_back({{file, 1, 2}, "\xfc"});
  const auto json = nlohmann::json::parse(RenderJson(r.diagnostics, r.files));
  EXPECT_EQ(json["errors"], 1);
  const auto& first = json["diagnostics"][0];
  EXPECT_EQ(first["code"], "E105");
  EXPECT_EQ(first["severity"], "error");
  EXPECT_EQ(first["line"], 1);
  EXPECT_EQ(first["column"], 2);
  EXPECT_EQ(first["end_column"], 3);
  EXPECT_EQ(first["labels"].size(), 1u);
  EXPECT_EQ(first["patches"].size(), 1u);
}

TEST(RenderSarif, HasWhatReadersRequire) {
  Rendered r;
  const auto file = r.files.Add("rules/my web.rule", "abc\n");
  auto& d = r.diagnostics.Add(Code::W201, {file, 0, 3}, "unused");
  d.others.push_back({{file, 1, 2}, "here"});
  d.patches.push_back({{file, 0, 3}, ""});
  r.diagnostics.Add(Code::E101, {}, "nowhere");
  const auto json = nlohmann::json::parse(RenderSarif(r.diagnostics, r.files));
  EXPECT_EQ(json["version"], "2.1.0");
  const auto& run = json["runs"][0];
  EXPECT_EQ(run["tool"]["driver"]["name"], "sluice");
  const auto& result = run["results"][0];
  EXPECT_EQ(result["level"], "warning");
  const size_t index = result["ruleIndex"];
  EXPECT_EQ(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
  const auto& location = result["locations"][0]["physicalLocation"];
  EXPECT_EQ(location["artifactLocation"]["uri"], "rules/my%20web.rule");
  EXPECT_EQ(location["region"]["startColumn"], 1);
  EXPECT_EQ(location["region"]["endColumn"], 4);
  EXPECT_FALSE(run["results"][1].contains("locations"));
}

}  // namespace
}  // namespace sluice::diag
