// Pairs of text and layout in tests/fmt/, and what must hold of every layout, over all rules at hand.
#include "compiler/fmt/format.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/diag/render.h"
#include "compiler/parse/parse.h"

namespace sluice::fmt_stage {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The texts under `-- kind --`, in order.
std::vector<std::string> SectionsOf(const fs::path& path, const std::string& kind) {
  std::vector<std::string> texts;
  std::ifstream in(path, std::ios::binary);
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("-- ", 0) == 0 && line.size() > 6 && line.substr(line.size() - 3) == " --") {
      inside = line.substr(3, kind.size()) == kind;
      if (inside) texts.emplace_back();
    } else if (inside) {
      texts.back() += line + "\n";
    }
  }
  return texts;
}

std::vector<fs::path> FilesBelow(const std::string& folder, const std::string& extension) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(SLUICE_SOURCE_DIR) / folder)) {
    if (entry.is_regular_file() && (extension.empty() || entry.path().extension() == extension))
      paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

struct Made {
  source::Files files;
  diag::Diagnostics diagnostics;
  Formatted formatted;

  explicit Made(const std::string& text) {
    formatted = Format(files, files.Add("test.rule", text), {}, diagnostics);
  }
  bool done() const { return formatted.outcome == Formatted::Outcome::kDone; }
};

std::string Meaning(const std::string& text) {
  source::Files files;
  diag::Diagnostics diagnostics;
  ast::RuleSet rules;
  parse::Parse(files, files.Add("test.rule", text), {}, rules, diagnostics);
  return diag::RenderText(diagnostics, files, false) + ast::Print(rules);
}

// Comments in order, without the blanks around them; `#` inside strings does no harm: those are kept too.
std::string CommentsOf(const std::string& text) {
  std::string comments;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const size_t mark = line.find('#');
    if (mark != std::string::npos)
      comments += line.substr(mark, line.find_last_not_of(" \t\r") + 1 - mark) + "\n";
  }
  return comments;
}

size_t ExpectGood(const std::string& text, const std::string& where) {
  const Made run(text);
  if (run.formatted.outcome == Formatted::Outcome::kBroken) return 0;
  EXPECT_TRUE(run.done()) << where << ": refused\n" << text;
  if (!run.done()) return 0;
  EXPECT_EQ(Meaning(run.formatted.text), Meaning(text)) << where;
  const Made again(run.formatted.text);
  EXPECT_TRUE(again.done()) << where;
  EXPECT_EQ(again.formatted.text, run.formatted.text) << where << ": not stable";
  return 1;
}

TEST(Format, Pairs) {
  size_t pairs = 0;
  for (const fs::path& path : FilesBelow("tests/fmt", ".txt")) {
    const std::vector<std::string> inputs = SectionsOf(path, "rule"), outputs = SectionsOf(path, "fmt");
    ASSERT_EQ(inputs.size(), outputs.size()) << path;
    std::string file;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Made run(inputs[i]);
      EXPECT_TRUE(run.done()) << path << diag::RenderText(run.diagnostics, run.files, false);
      EXPECT_EQ(run.formatted.text, outputs[i]) << path;
      ExpectGood(inputs[i], path.string());
      file += "-- rule --\n" + inputs[i] + "-- fmt --\n" + run.formatted.text;
      ++pairs;
    }
    if (std::getenv("SLUICE_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << file;
  }
  EXPECT_GE(pairs, 8u);
}

TEST(Format, RulesOfTheRepositoryKeepTheirMeaningAndComments) {
  size_t files = 0;
  for (const fs::path& path : FilesBelow("rules", ".rule")) {
    const std::string text = ReadAll(path);
    files += ExpectGood(text, path.string());
    EXPECT_EQ(CommentsOf(Made(text).formatted.text), CommentsOf(text)) << path;
  }
  EXPECT_GT(files, 10u);
}

TEST(Format, InputsOfTheParsersTestsKeepTheirMeaning) {
  size_t texts = 0;
  for (const fs::path& path : FilesBelow("tests/golden", ".txt")) {
    for (const std::string& text : SectionsOf(path, "rule")) texts += ExpectGood(text, path.string());
  }
  for (const fs::path& path : FilesBelow("fuzz/corpus", ""))
    texts += ExpectGood(ReadAll(path), path.string());
  EXPECT_GT(texts, 5u);
}

// A comment and a line end after every word: nothing is lost, and nothing moves on the second run.
TEST(Format, CommentsAnywhereAreKept) {
  const std::string words[] = {"rule",
                               "\"r\"",
                               "{",
                               "condition:",
                               "a.b",
                               "in",
                               "(",
                               "x",
                               ",",
                               "y",
                               ")",
                               "and",
                               "not",
                               "(",
                               "c.d",
                               "=",
                               "e",
                               "or",
                               "tolower(f.g",
                               ")",
                               "=",
                               "h",
                               ")",
                               "desc:",
                               "d",
                               "output:",
                               "o",
                               "tags:",
                               "[",
                               "t",
                               ",",
                               "]",
                               "priority:",
                               "debug",
                               "exceptions:",
                               "[",
                               "{",
                               "name:",
                               "n",
                               ",",
                               "fields:",
                               "[",
                               "proc.aname[2]",
                               ",",
                               "a.b",
                               "]",
                               "}",
                               "]",
                               "}"};
  const size_t count = std::size(words);
  size_t good = 0;
  for (size_t at = 1; at < count; ++at) {
    std::string text;
    for (size_t i = 0; i < count; ++i)
      text += words[i] + (i == at ? " # why\n # more\n" : i == 2 ? "\n" : " ");
    const Made run(text);
    if (run.formatted.outcome == Formatted::Outcome::kBroken)
      continue;  // in a field's argument there is no comment
    ASSERT_TRUE(run.done()) << text;
    EXPECT_NE(run.formatted.text.find("# why\n"), std::string::npos) << text << run.formatted.text;
    EXPECT_NE(run.formatted.text.find("# more\n"), std::string::npos) << text << run.formatted.text;
    good += ExpectGood(text, "word " + std::to_string(at));
  }
  EXPECT_GE(good, count - 5);
}

TEST(Format, ABrokenFileIsReported) {
  const Made run("list a = [b\n");
  EXPECT_EQ(run.formatted.outcome, Formatted::Outcome::kBroken);
  EXPECT_FALSE(run.diagnostics.ok());
  EXPECT_EQ(run.formatted.text, "");
}

TEST(Format, LongLinesAreBroken) {
  std::string text = "macro m = a.b in (";
  for (int i = 0; i < 60; ++i) text += "value" + std::to_string(i) + ",";
  text += "x) and a.c = d";
  for (int i = 0; i < 30; ++i) text += " or a.b = some_value_" + std::to_string(i);
  const Made run(text);
  ASSERT_TRUE(run.done());
  std::istringstream in(run.formatted.text);
  for (std::string line; std::getline(in, line);) EXPECT_LE(line.size(), 120u) << line;
  ExpectGood(text, "long");
}

TEST(ShortDiff, ShowsWhereItDiffers) {
  EXPECT_EQ(ShortDiff("a\nb\nc\n", "a\nx\nc\n", 12), "@@ line 2\n- b\n+ x\n");
  EXPECT_EQ(ShortDiff("a\nb\nc\nd\n", "", 4), "@@ line 1\n- a\n- b\n  ... 2 more\n");
}

}  // namespace
}  // namespace sluice::fmt_stage
