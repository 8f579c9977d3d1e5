// golden_test - each case is one text file: the input, and what the stages make of it.
//
//     -- rule --            the input (`-- rule other.rule --` adds a second file; `-- yaml --` is a Falco
//     file)
//     -- parse --           what `explain --emit parse` prints; likewise check, norm, split, kplan, uplan
//     -- errors --          the diagnostics as text
//
// A case whose only stage is `parse` shows the parser's diagnostics; any other those of the whole pipeline. A
// new case is a new file, named by what it shows. SLUICE_UPDATE_GOLDEN=1 rewrites the expected sections: read
// the diff.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "compiler/diag/render.h"
#include "compiler/parse/parse.h"
#ifdef SLUICE_WHOLE_PIPELINE
#include "compiler/compile.h"
#include "compiler/explain.h"
#endif

namespace sluice {
namespace {

struct Section {
  std::string kind;  // "rule", "parse", "errors", ...
  std::string name;  // of an input file; may be empty
  std::string text;
};

// ---- the file format
// --------------------------------------------------------------------------------------------

bool ParseHeader(const std::string& line, Section& section) {
  if (line.size() < 7 || line.compare(0, 3, "-- ") != 0 || line.compare(line.size() - 3, 3, " --") != 0)
    return false;
  std::istringstream words(line.substr(3, line.size() - 6));
  section = {};
  words >> section.kind >> section.name;
  return !section.kind.empty();
}

std::vector<Section> ReadCase(const std::filesystem::path& path) {
  std::vector<Section> sections;
  std::ifstream in(path, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    Section next;
    if (ParseHeader(line, next)) {
      sections.push_back(next);
    } else if (!sections.empty()) {
      sections.back().text += line + "\n";
    }
  }
  return sections;
}

std::string WriteCase(const std::vector<Section>& sections) {
  std::string out;
  for (const Section& section : sections) {
    out += "-- " + section.kind + (section.name.empty() ? "" : " " + section.name) + " --\n" + section.text;
    if (!section.text.empty() && section.text.back() != '\n') out += '\n';
  }
  return out;
}

bool IsInput(const Section& section) { return section.kind == "rule" || section.kind == "yaml"; }

using Texts = std::vector<std::pair<std::string, std::string>>;

Texts InputsOf(const std::vector<Section>& sections) {
  Texts texts;
  for (const Section& section : sections) {
    if (!IsInput(section)) continue;
    const std::string unnamed = section.kind == "yaml" ? "input.yaml" : "input.rule";
    texts.emplace_back(section.name.empty() ? unnamed : section.name, section.text);
  }
  return texts;
}

// ---- the stages
// ---------------------------------------------------------------------------------------------------

// Answers a section: its expected text, made anew.
class Stages {
 public:
  virtual ~Stages() = default;
  virtual std::string Print(const std::string& kind) = 0;
};

class ParseOnly final : public Stages {
 public:
  explicit ParseOnly(const Texts& texts) {
    for (const auto& [name, text] : texts)
      parse::Parse(files_, files_.Add(name, text), {}, rules_, diagnostics_);
  }
  std::string Print(const std::string& kind) override {
    if (kind == "parse") return ast::Print(rules_);
    if (kind == "errors") return diag::RenderText(diagnostics_, files_, false);
    return "no such section: " + kind + "\n";
  }

 private:
  source::Files files_;
  diag::Diagnostics diagnostics_;
  ast::RuleSet rules_;
};

#ifdef SLUICE_WHOLE_PIPELINE
using StagePrinter = std::string (*)(const Compilation&);

// Sections that are not stages of the pipeline by name; a new one is one line.
const std::pair<std::string_view, StagePrinter> kPrinters[] = {
    {"errors", [](const Compilation& c) { return diag::RenderText(c.diagnostics, c.files, false); }},
    {"explain", [](const Compilation& c) { return ExplainText(c) + Summary(c); }},
    {"json", [](const Compilation& c) { return diag::RenderJson(c.diagnostics, c.files); }},
};

class Whole final : public Stages {
 public:
  explicit Whole(const Texts& texts) : compilation_(CompileTexts(texts, {})) {}
  std::string Print(const std::string& kind) override {
    for (const auto& [name, printer] : kPrinters) {
      if (name == kind) return printer(*compilation_);
    }
    return PrintStage(*compilation_, kind).value_or("no such section: " + kind + "\n");
  }

 private:
  std::unique_ptr<Compilation> compilation_;
};
#endif

bool OnlyParses(const std::vector<Section>& sections) {
  bool parses = false;
  for (const Section& section : sections) {
    if (section.kind == "parse") parses = true;
    if (section.kind == "yaml") return false;
    if (!IsInput(section) && section.kind != "parse" && section.kind != "errors") return false;
  }
  return parses;
}

std::unique_ptr<Stages> StagesFor(const std::vector<Section>& sections) {
  if (OnlyParses(sections)) return std::make_unique<ParseOnly>(InputsOf(sections));
#ifdef SLUICE_WHOLE_PIPELINE
  return std::make_unique<Whole>(InputsOf(sections));
#else
  return nullptr;
#endif
}

// ---- comparison
// -----------------------------------------------------------------------------------------------------

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The lines around the first and last difference, marked - (expected) and + (made).
std::string Diff(const std::string& expected, const std::string& made) {
  const std::vector<std::string> old_lines = Lines(expected), new_lines = Lines(made);
  size_t head = 0;
  while (head < old_lines.size() && head < new_lines.size() && old_lines[head] == new_lines[head]) ++head;
  size_t tail = 0;
  while (tail + head < old_lines.size() && tail + head < new_lines.size() &&
         old_lines[old_lines.size() - 1 - tail] == new_lines[new_lines.size() - 1 - tail]) {
    ++tail;
  }
  std::string out;
  for (size_t i = head < 3 ? 0 : head - 3; i < head; ++i) out += "  " + old_lines[i] + "\n";
  for (size_t i = head; i + tail < old_lines.size(); ++i) out += "- " + old_lines[i] + "\n";
  for (size_t i = head; i + tail < new_lines.size(); ++i) out += "+ " + new_lines[i] + "\n";
  for (size_t i = 0; i < std::min<size_t>(tail, 3); ++i)
    out += "  " + old_lines[old_lines.size() - tail + i] + "\n";
  return out;
}

class Golden : public testing::Test {
 public:
  explicit Golden(std::filesystem::path path) : path_(std::move(path)) {}

  void TestBody() override {
    std::vector<Section> sections = ReadCase(path_);
    ASSERT_FALSE(InputsOf(sections).empty()) << path_ << ": no `-- rule --` section";
    const std::unique_ptr<Stages> stages = StagesFor(sections);
    if (stages == nullptr) GTEST_SKIP() << "this build has the parser only";
    const bool update = std::getenv("SLUICE_UPDATE_GOLDEN") != nullptr;
    for (Section& section : sections) {
      if (IsInput(section)) continue;
      const std::string made = stages->Print(section.kind);
      if (!update) {
        EXPECT_TRUE(made == section.text) << path_.string() << ", section " << section.kind << ":\n"
                                          << Diff(section.text, made);
      }
      section.text = made;
    }
    if (update) std::ofstream(path_, std::ios::binary) << WriteCase(sections);
  }

 private:
  std::filesystem::path path_;
};

size_t RegisterCases(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt")
      paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) {
    const std::string name = path.lexically_relative(root).replace_extension().string();
    testing::RegisterTest("Golden", name.c_str(), nullptr, nullptr, path.c_str(), 1,
                          [path]() -> testing::Test* { return new Golden(path); });
  }
  return paths.size();
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (sluice::RegisterCases(SLUICE_GOLDEN_DIR) == 0) return 1;
  return RUN_ALL_TESTS();
}
