// Falco's YAML through the whole pipeline, and as imported .rule text: both make the same plans.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/fmt/format.h"
#include "compiler/fmt/write.h"

namespace sluice {
namespace {

std::string Errors(const Compilation& compilation) {
  std::string out;
  for (const diag::Diagnostic& each : compilation.diagnostics.all()) {
    if (diag::RowOf(each.code).severity == diag::Severity::kError) out += each.message + "\n";
  }
  return out;
}

std::string Import(const Compilation& compilation) {
  source::Files files;
  diag::Diagnostics diagnostics;
  const std::string text = fmt_stage::Write(WithoutLeftOut(compilation), compilation.files);
  const fmt_stage::Formatted formatted =
      fmt_stage::Format(files, files.Add("imported", text), {}, diagnostics);
  EXPECT_EQ(formatted.outcome, fmt_stage::Formatted::Outcome::kDone)
      << text << diag::RenderText(diagnostics, files, false);
  return formatted.text;
}

void ExpectSamePlans(const Compilation& yaml) {
  ASSERT_EQ(Errors(yaml), "");
  const std::string text = Import(yaml);
  const auto rule = CompileTexts({{"imported.rule", text}}, {});
  EXPECT_EQ(Errors(*rule), "") << text;
  for (const std::string_view stage : {"check", "norm", "kplan", "uplan"}) {
    const std::string expected = PrintStage(yaml, stage).value(), made = PrintStage(*rule, stage).value();
    EXPECT_TRUE(expected == made) << stage << " of\n" << text.substr(0, 4000);
  }
}

std::string Rule(const std::string& name, const std::string& condition, const std::string& rest = "") {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition +
         "\n  output: 'o \"%proc.name\" \\ %fd.name'\n  priority: Warning\n" + rest;
}

TEST(Import, FalcosOwnRulesLoadAndMakeTheSamePlans) {
  const std::filesystem::path path =
      std::filesystem::path(SLUICE_SOURCE_DIR) / "../shared/falco/falco_rules.yaml";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no falco_rules.yaml beside the repository";
  const auto compiled = CompileFiles({path.string()}, {});
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ((*compiled)->partition.normal.checked.rules.size(), 25u);
  ExpectSamePlans(**compiled);
}

TEST(Import, HandWrittenRulesMakeTheSamePlans) {
  const std::string yaml[] = {
      Rule("Plain", "evt.type in (open, openat) and fd.name startswith /etc and not proc.name in (a, 'b c')"),
      "- list: my-list\n  items: [sh, '\"two words\"', /bin/x]\n- list: my_list\n  items: [my-list, zsh]\n"
      "- macro: odd-name\n  condition: proc.name = x\n- macro: m\n  condition: proc.name in (my-list, "
      "dash)\n" +
          Rule("Hyphens", "evt.type = execve and (m or proc.pname in (my_list))"),
      Rule(
          "Operators",
          "evt.type = execve and (proc.cmdline contains 'a \"b\"' or proc.args glob '*x?' or proc.name regex "
          "\"^a.*$\""
          " or proc.aname[2] exists or tolower(proc.name) = abc or fd.sport < 1024 and not (proc.name = a or "
          "proc.name = b) or proc.name pmatch (/a, /b) or proc.name = val(proc.pname) or proc.env[X] != "
          "\"\")"),
      Rule("Nets", "evt.type = connect and (fd.sip = 10.0.0.1 or fd.snet in (10.0.0.0/8, '2001:db8::/32'))"),
      Rule("Excepted", "evt.type = open",
           "  enabled: true\n  tags: [a, 'b c', T1059.004]\n  exceptions:\n"
           "    - {name: one, fields: proc.name, values: [x, y]}\n"
           "    - {name: two, fields: [proc.name, fd.directory], comps: [=, in], values: [[a, [/b, /c]], [d, "
           "[/e]]]}\n"
           "    - {name: pasted, fields: [proc.name, fd.directory], comps: [in, pmatch], values: [['(a, \"b "
           "c\")', "
           "'(/x,/y)']]}\n"),
      Rule("Terms", "evt.type = open",
           "  exceptions:\n"
           "    - {name: terms, fields: [proc.name, fd.name], comps: [=, startswith], values: "
           "[[val(proc.pname), "
           "/a], [toupper(proc.pname), tolower(proc.exepath)], ['val(x)', /b]]}\n"
           "    - {name: words, fields: [proc.name], comps: [in], values: [[val(proc.pname)]]}\n"),
      Rule("Appended", "evt.type = open or evt.type = openat") +
          "- rule: Appended\n  condition: and proc.name = x\n  append: true\n" +
          Rule("Off", "evt.type = open", "  enabled: false\n"),
  };
  for (const std::string& text : yaml) {
    SCOPED_TRACE(text);
    ExpectSamePlans(*CompileTexts({{"a.yaml", text}}, {}));
  }
}

class FalcoShapes : public testing::TestWithParam<std::pair<const char*, size_t>> {};

TEST_P(FalcoShapes, LoadAndMakeTheSamePlans) {
  const auto& [name, rules] = GetParam();
  const auto compiled = CompileFiles({fmt::format("{}/tests/falco/{}.yaml", SLUICE_SOURCE_DIR, name)}, {});
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(diag::RenderText((*compiled)->diagnostics, (*compiled)->files, false).find("W201"),
            std::string::npos);
  EXPECT_EQ((*compiled)->partition.normal.checked.rules.size(), rules);
  ExpectSamePlans(**compiled);
}

INSTANTIATE_TEST_SUITE_P(Files, FalcoShapes,
                         testing::Values(std::pair("incubating_shapes", 6u),
                                         std::pair("k8s_audit_shapes", 1u), std::pair("sandbox_shapes", 3u)),
                         [](const auto& shape) { return std::string(shape.param.first); });

TEST(Compile, AMacrosFaultIsToldOnceARuleUsesIt) {
  const std::string macros =
      "- macro: a\n  condition: no.field = 1\n- macro: b\n  condition: a or proc.name = b\n";
  EXPECT_EQ(Errors(*CompileTexts({{"a.yaml", macros + Rule("R", "evt.type = open")}}, {})), "");
  const auto used = CompileTexts(
      {{"a.yaml", macros + Rule("R", "evt.type = open and b") + Rule("S", "evt.type = open and (a or b)")}},
      {});
  EXPECT_EQ(Errors(*used), "There is no field `no.field`\n");
  const auto skipped = CompileTexts(
      {{"a.yaml", macros + Rule("R", "evt.type = open and b", "  skip-if-unknown-filter: true\n")}}, {});
  EXPECT_EQ(Errors(*skipped), "");
  EXPECT_EQ(skipped->diagnostics.warnings(), 1u);
  EXPECT_EQ(skipped->partition.normal.checked.left_out_rules, std::vector<std::string>{"R"});
}

TEST(Compile, ACommentAboveAnItemOfYamlSwitchesAWarningOff) {
  const auto compiled =
      CompileTexts({{"a.yaml",
                     "# allow: unused\n- list: l\n  items: [a]\n\n  # allow: unused, no-rules\n"
                     "- macro: m\n  condition: proc.name = a\n"
                     "# One that is loud.\n# allow: no-event-type\n" +
                         Rule("R", "proc.name = a")}},
                   {});
  EXPECT_EQ(diag::RenderText(compiled->diagnostics, compiled->files, false), "");
}

TEST(Compile, EvtDirIsTheExitSide) {
  const auto compiled =
      CompileTexts({{"a.yaml", Rule("R", "evt.type = open and evt.dir=< and fd.name = /a")}}, {});
  EXPECT_EQ(diag::RenderText(compiled->diagnostics, compiled->files, false), "");
  EXPECT_EQ(PrintStage(*compiled, "norm").value().find("evt.dir"), std::string::npos);
  const auto never = CompileTexts({{"a.yaml", Rule("R", "evt.type = open and evt.dir = >")}}, {});
  EXPECT_NE(diag::RenderText(never->diagnostics, never->files, false).find("W202"), std::string::npos);
}

TEST(Import, SaysWhereABlockCameFrom) {
  const auto compiled = CompileTexts(
      {{"dir/a.yaml", "- list: my-list\n  items: [a]\n" + Rule("R", "proc.name in (my-list)")}}, {});
  const std::string text = Import(*compiled);
  EXPECT_NE(text.find("# a.yaml:1, there named \"my-list\"\nlist my_list = [a]\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("# a.yaml:3\nrule \"R\" {"), std::string::npos) << text;
}

TEST(Compile, YamlAndRuleFilesMix) {
  const auto compiled = CompileTexts({{"a.yaml", "- macro: m\n  condition: evt.type = execve\n"},
                                      {"b.rule",
                                       "rule r {\n  desc: d\n  condition: m and proc.name in (l)\n"
                                       "  output: o\n  priority: debug\n}\n"},
                                      {"c.yml", "- list: l\n  items: [a]\n"}},
                                     {});
  EXPECT_EQ(diag::RenderText(compiled->diagnostics, compiled->files, false), "");
  EXPECT_EQ(compiled->partition.normal.checked.rules.size(), 1u);
}

TEST(Compile, AnUnknownFieldDropsARuleThatSaysSo) {
  const std::string skip = "  skip-if-unknown-filter: true\n";
  const auto compiled =
      CompileTexts({{"a.yaml", Rule("Kept", "evt.type = execve", skip) +
                                   Rule("Gone", "evt.type = execve and no.field = 1", skip)}},
                   {});
  EXPECT_EQ(Errors(*compiled), "");
  ASSERT_EQ(compiled->partition.normal.checked.rules.size(), 1u);
  EXPECT_EQ(compiled->diagnostics.warnings(), 1u);
  EXPECT_NE(CompileTexts({{"a.yaml", Rule("Told", "evt.type = execve and no.field = 1")}}, {})
                ->diagnostics.errors(),
            0u);
}

TEST(Compile, AnUnknownEventTypeDropsARuleThatSaysSo) {
  const std::string skip = "  skip-if-unknown-filter: true\n";
  const auto compiled = CompileTexts(
      {{"a.yaml",
        "- list: types\n  items: [open, no_such_call]\n- macro: m\n  condition: evt.type = no_such_call\n" +
            Rule("Kept", "evt.type in (open)", skip) + Rule("One", "evt.type = no_such_call", skip) +
            Rule("Two", "evt.type in (types)", skip) + Rule("Three", "m and proc.name = a", skip)}},
      {});
  EXPECT_EQ(Errors(*compiled), "");
  EXPECT_EQ(compiled->partition.normal.checked.rules.size(), 1u);
  const std::string told = diag::RenderText(compiled->diagnostics, compiled->files, false);
  EXPECT_EQ(compiled->diagnostics.warnings(), 3u) << told;
  EXPECT_NE(told.find("Rule `Two` is left out: it names an unknown event type, `no_such_call`"),
            std::string::npos)
      << told;
}

TEST(Compile, YamlDoesNotChangeWhatARuleFileDeclares) {
  const std::string rule =
      "rule R {\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: debug\n}\n"
      "list l = [a]\nmacro m = proc.name in (l)\n";
  for (const std::string item : {"- rule: R\n  condition: and proc.name = b\n  append: true\n",
                                 "- rule: R\n  enabled: false\n", "- list: l\n  items: [b]\n  append: true\n",
                                 "- macro: m\n  condition: or proc.name = b\n  append: true\n"}) {
    const auto compiled = CompileTexts({{"b.yaml", item}, {"a.rule", rule}}, {});
    const std::string errors = Errors(*compiled);
    EXPECT_NE(errors.find("of a .rule file cannot be changed here"), std::string::npos) << errors;
    EXPECT_EQ(compiled->diagnostics.errors(), 1u) << errors;
  }
}

TEST(Compile, AFaultIsToldOnce) {
  const auto compiled =
      CompileTexts({{"a.rule",
                     "macro m = proc.name =\nlist l = [a b]\nlist k = [l]\nrule r {\n  desc: d\n"
                     "  condition: m and fd.sport in (l, 1) and fd.sport in (k) and proc.name in l\n"
                     "  output: o\n  priority: debug\n}\n"}},
                   {});
  EXPECT_EQ(compiled->diagnostics.errors(), 2u)
      << diag::RenderText(compiled->diagnostics, compiled->files, false);
  EXPECT_EQ(compiled->diagnostics.warnings(), 0u)
      << diag::RenderText(compiled->diagnostics, compiled->files, false);
}

}  // namespace
}  // namespace sluice
