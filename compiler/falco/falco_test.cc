#include "compiler/falco/falco.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/diag/render.h"
#include "compiler/yaml/yaml.h"

namespace sluice::falco {
namespace {

using testing::HasSubstr;

class FalcoTest : public testing::Test {
 protected:
  ast::RuleSet Load(std::initializer_list<std::string> texts) {
    Loader loader(files_, limits_, diagnostics_);
    int number = 0;
    for (const std::string& text : texts)
      loader.Add(files_.Add("f" + std::to_string(++number) + ".yaml", text));
    ast::RuleSet rules;
    loader.Finish(rules);
    return rules;
  }
  std::string Errors() { return diag::RenderText(diagnostics_, files_, false); }

  // Every byte of a derived text must be the byte that it points at, or white space.
  void ExpectPointsAtItself(source::Span span) {
    for (uint32_t at = span.begin; at < span.end; ++at) {
      const source::Span one{span.file, at, at + 1};
      const std::string_view here = files_.Text(one);
      if (here == " " || here == "\n" || here == "\"") continue;  // folded or escaped
      EXPECT_EQ(files_.Text(files_.Resolve(one)), here) << "at " << at << " of " << files_.text(span.file);
    }
  }

  source::Files files_;
  parse::Limits limits_;
  diag::Diagnostics diagnostics_;
};

std::string Rule(const std::string& name, const std::string& condition) {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition +
         "\n  output: o %proc.name\n  priority: Warning\n";
}

TEST_F(FalcoTest, ListsMacrosAndRules) {
  const ast::RuleSet rules =
      Load({"- list: shells\n  items: [bash, 'sh', \"'a b'\"]\n"
            "- macro: exec\n  condition: evt.type = execve\n" +
            Rule("R", "exec and proc.name in (shells)")});
  EXPECT_EQ(Errors(), "");
  ASSERT_EQ(rules.lists.size(), 1u);
  EXPECT_EQ(rules.lists[0].items[2].text, "a b");
  EXPECT_TRUE(rules.lists[0].items[2].quoted);
  ASSERT_EQ(rules.macros.size(), 1u);
  ASSERT_EQ(rules.rules.size(), 1u);
  EXPECT_EQ(rules.rules[0].priority, ast::Priority::kWarning);
  EXPECT_EQ(rules.rules[0].output.text, "o %proc.name");
}

TEST_F(FalcoTest, AppendedConditionIsJoinedAsText) {
  const ast::RuleSet rules = Load({Rule("R", "evt.type = open or evt.type = openat"),
                                   "- rule: R\n  condition: and not proc.name = vi\n  append: true\n"});
  EXPECT_EQ(Errors(), "");
  ASSERT_EQ(rules.rules.size(), 1u);
  const ast::Expr& condition = rules.rules[0].condition;
  ASSERT_EQ(condition.kind, ast::Expr::Kind::kOr);
  EXPECT_EQ(condition.children[1].kind, ast::Expr::Kind::kAnd);
}

TEST_F(FalcoTest, OverrideReplacesAndAppends) {
  const ast::RuleSet rules = Load(
      {Rule("R", "evt.type = open") + "- list: l\n  items: [a]\n- macro: m\n  condition: proc.name = a\n",
       "- rule: R\n  output: ', more'\n  priority: error\n  enabled: false\n"
       "  override: {output: append, priority: replace, enabled: replace}\n"
       "- list: l\n  items: [b]\n  override: {items: append}\n"
       "- macro: m\n  condition: or proc.name = b\n  override: {condition: append}\n"});
  EXPECT_EQ(Errors(), "");
  EXPECT_EQ(rules.rules[0].output.text, "o %proc.name , more");
  EXPECT_EQ(rules.rules[0].priority, ast::Priority::kError);
  EXPECT_FALSE(rules.rules[0].enabled);
  EXPECT_EQ(rules.lists[0].items.size(), 2u);
  EXPECT_EQ(rules.macros[0].condition.kind, ast::Expr::Kind::kOr);
}

TEST_F(FalcoTest, AnOutputIsTrimmed) {
  const ast::RuleSet rules =
      Load({"- rule: R\n  desc: >\n    d\n  condition: evt.type = open\n  output: >\n    one\n    two "
            "%proc.name\n\n"
            "  priority: INFO\n"
            "- rule: S\n  desc: d\n  condition: evt.type = open\n  output: ' \n  a b '\n  priority: INFO\n"
            "- rule: T\n  desc: d\n  condition: evt.type = open\n  output: '  '\n  priority: INFO\n",
            "- rule: R\n  output: >\n    three\n  override: {output: append}\n"});
  EXPECT_EQ(Errors(), "");
  EXPECT_EQ(rules.rules[0].output.text, "one two %proc.name three");
  EXPECT_EQ(rules.rules[0].desc.text, "d\n");  // as Falco has it
  EXPECT_EQ(rules.rules[1].output.text, "a b");
  EXPECT_EQ(rules.rules[2].output.text, "");
  for (size_t i = 0; i < 2; ++i) ExpectPointsAtItself(rules.rules[i].output.span);
}

TEST_F(FalcoTest, ACommentInsideAConditionIsRefused) {
  Load({"- macro: m\n  condition: >\n    evt.type = execve # only shells\n    and proc.name = bash\n"});
  EXPECT_THAT(Errors(), HasSubstr("f1.yaml:3:23: error[E101]: Unexpected `#`"));
  EXPECT_THAT(Errors(), HasSubstr("a comment stands above the key, outside the condition"));
}

TEST_F(FalcoTest, ACommentInsideAConditionDoesNotHideWhatIsAppended) {
  Load({Rule("R", "\"evt.type = open # all\""),
        "- rule: R\n  condition: and not proc.name = vi\n  append: true\n"});
  EXPECT_THAT(Errors(), HasSubstr("f1.yaml:3:31: error[E101]: Unexpected `#`"));
}

TEST_F(FalcoTest, ABareWordMayBeginWithASignThatRuleFilesUse) {
  const ast::RuleSet rules = Load({Rule("R", "\"proc.cmdline contains #foo or proc.name in (a, #b, })\"")});
  EXPECT_EQ(Errors(), "");
  const ast::Expr& condition = rules.rules[0].condition;
  EXPECT_EQ(condition.children[0].check->values[0].text, "#foo");
  EXPECT_EQ(condition.children[1].check->values[2].text, "}");
}

TEST_F(FalcoTest, AListThatLeadsBackToItselfHoldsItsNameAsAText) {
  const ast::RuleSet rules =
      Load({"- list: docker\n  items: [docker, dockerd]\n- list: a\n  items: [x, b]\n- list: b\n  items: [y, "
            "a, docker]\n"});
  EXPECT_EQ(Errors(), "");
  EXPECT_TRUE(rules.lists[0].items[0].quoted);
  EXPECT_TRUE(rules.lists[1].items[1].quoted);   // b is not there yet
  EXPECT_FALSE(rules.lists[2].items[1].quoted);  // a is
  EXPECT_FALSE(rules.lists[2].items[2].quoted);
}

TEST_F(FalcoTest, SourceIsNotOverridden) {
  Load({Rule("R", "evt.type = open"),
        "- rule: R\n  source: syscall\n  priority: INFO\n  override: {priority: replace}\n"});
  EXPECT_THAT(Errors(), HasSubstr("`source` has no effect beside `override`"));
  EXPECT_THAT(Errors(), testing::Not(HasSubstr("source: replace")));
  Load({Rule("R", "evt.type = open"), "- rule: R\n  source: syscall\n  override: {source: replace}\n"});
  EXPECT_THAT(Errors(), HasSubstr("`source` cannot be overridden with `replace`"));
}

TEST_F(FalcoTest, ALaterDefinitionReplacesAndKeepsItsPlace) {
  const ast::RuleSet rules =
      Load({Rule("A", "evt.type = open") + Rule("B", "evt.type = open"), Rule("A", "evt.type = creat")});
  ASSERT_EQ(rules.rules.size(), 2u);
  EXPECT_EQ(rules.rules[0].name.text, "A");
  EXPECT_EQ(rules.rules[0].condition.check->values[0].text, "creat");
}

TEST_F(FalcoTest, AnAliasOfWhatHoldsItIsRefused) {
  Load({"- list: &a l\n  items: &b [x, *b]\n"});
  EXPECT_THAT(Errors(), HasSubstr("More than 64 levels of YAML"));
}

TEST_F(FalcoTest, AnAliasStandsForWhatItNames) {
  const ast::RuleSet rules =
      Load({"- list: l\n  items: &i [a, b]\n- list: m\n  items: *i\n"
            "- macro: x\n  condition: &c proc.name in (l)\n"
            "- macro: y\n  condition: *c\n"});
  EXPECT_EQ(Errors(), "");
  ASSERT_EQ(rules.lists.size(), 2u);
  EXPECT_EQ(rules.lists[1].items.size(), 2u);
  ASSERT_EQ(rules.macros.size(), 2u);
  EXPECT_EQ(rules.macros[1].condition.check->values[0].text, "l");
}

TEST_F(FalcoTest, ATextThatYamlCannotGoOnAtIsRefused) {
  Load({"a: b\n]\n, x\n"});
  Load({", rsl e u: redt\n\tcondition: evt.type = open[1"});
  EXPECT_THAT(Errors(), HasSubstr("E111"));
}

TEST_F(FalcoTest, BytesThatAreNotUtf8AreRefused) {
  Load({"- list: l\n  items: [\xff]\n"});
  EXPECT_THAT(Errors(), HasSubstr("E105"));
}

TEST_F(FalcoTest, EnabledAloneSwitchesARule) {
  const ast::RuleSet rules = Load({Rule("A", "evt.type = open"), "- rule: A\n  enabled: false\n"});
  EXPECT_EQ(Errors(), "");
  EXPECT_FALSE(rules.rules[0].enabled);
}

TEST_F(FalcoTest, ExceptionsInAllForms) {
  const ast::RuleSet rules =
      Load({Rule("A", "evt.type = open") +
                "  exceptions:\n"
                "    - name: one\n      fields: proc.name\n      values: [a, b]\n"
                "    - name: two\n      fields: [proc.name, fd.directory]\n      comps: [=, in]\n"
                "      values:\n        - [cat, [/tmp, /var]]\n"
                "    - name: later\n      fields: [tolower(proc.name)]\n",
            "- rule: A\n  append: true\n  exceptions:\n"
            "    - name: two\n      values:\n        - [dog, [/opt]]\n"
            "    - name: one\n      values: [c]\n"});
  EXPECT_EQ(Errors(), "");
  const std::vector<ast::Exception>& exceptions = rules.rules[0].exceptions;
  ASSERT_EQ(exceptions.size(), 3u);
  EXPECT_EQ(exceptions[0].comps[0].text, "in");
  ASSERT_EQ(exceptions[0].values.size(), 1u);
  EXPECT_EQ(exceptions[0].values[0][0].size(), 3u);
  ASSERT_EQ(exceptions[1].values.size(), 2u);
  EXPECT_EQ(exceptions[1].values[0][1][1].text, "/var");
  EXPECT_EQ(exceptions[2].fields[0].kind, ast::Operand::Kind::kTransform);
}

TEST_F(FalcoTest, AValueOfAnExceptionMayBeAFieldOrATransformer) {
  const ast::RuleSet rules = Load(
      {"- rule: A\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n  exceptions:\n"
       "    - name: one\n      fields: [proc.name, fd.name]\n      comps: [=, startswith]\n"
       "      values:\n        - [val(proc.pname), /a]\n        - [x, toupper(proc.cwd)]\n"});
  EXPECT_EQ(Errors(), "");
  const ast::Exception& exception = rules.rules.at(0).exceptions.at(0);
  ASSERT_NE(exception.ReferenceAt(0, 0), nullptr);
  EXPECT_EQ(exception.ReferenceAt(0, 0)->field.name.text, "proc.pname");
  EXPECT_EQ(files_.Text(files_.Resolve(exception.ReferenceAt(0, 0)->field.span)), "proc.pname");
  ASSERT_NE(exception.ReferenceAt(1, 1), nullptr);
  EXPECT_EQ(exception.ReferenceAt(1, 1)->transform->name.text, "toupper");
  EXPECT_EQ(exception.ReferenceAt(0, 1), nullptr);
  EXPECT_EQ(exception.ReferenceAt(1, 0), nullptr);
  Load(
      {"- rule: A\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n  exceptions:\n"
       "    - {name: one, fields: [proc.name], comps: [=], values: [[val(tolower(proc.name))]]}\n"});
  EXPECT_THAT(Errors(), HasSubstr("`val(tolower(proc.name))` names no field"));
}

TEST_F(FalcoTest, WordsOfAConditionAreFoundInEveryStyle) {
  const std::string yaml =
      "# \xc3\xa9\n- macro: folded\n  condition: >\n    evt.type = open\n    and proc.name = vi\n"
      "- macro: literal\n  condition: |\n    evt.type = open\n      and proc.name = vi\n"
      "- macro: plain\n  condition: evt.type = open\n     and proc.name = vi\n"
      "- macro: single\n  condition: 'evt.type = open and proc.name = \"it''s\"'\n"
      "- macro: double\n  condition: \"evt.type = open and\\n proc.name = \\\"x\\\" \\\n    and fd.name = "
      "b\"\n";
  const ast::RuleSet rules = Load({yaml});
  EXPECT_EQ(Errors(), "");
  ASSERT_EQ(rules.macros.size(), 5u);
  for (const ast::Macro& macro : rules.macros) {
    const source::Span span = macro.condition.span;
    ExpectPointsAtItself({span.file, 0, static_cast<uint32_t>(files_.text(span.file).size())});
  }
}

TEST_F(FalcoTest, AFaultInsideAConditionPointsAtTheWord) {
  Load({"- macro: m\n  condition: >\n    evt.type = open\n    and proc.name startwith vi\n"});
  EXPECT_THAT(Errors(), HasSubstr("f1.yaml:4:19: error[E101]"));
}

TEST_F(FalcoTest, FaultsOfItems) {
  Load(
      {"- rule: R\n  condition: evt.type = open\n  colour: red\n- macro: m\n- list: l\n- 3\n"
       "- rule: S\n  condition: and x\n  append: true\n- required_engine_version: 0.99.0\n"
       "- required_plugin_versions:\n    - name: k8saudit\n      version: 0.1.0\n"});
  const std::string errors = Errors();
  EXPECT_THAT(errors, HasSubstr("Rule `R` has no `output`, `desc`, `priority`"));
  EXPECT_THAT(errors, HasSubstr("Unknown key `colour` is ignored"));
  EXPECT_THAT(errors, HasSubstr("Macro `m` has no `condition`"));
  EXPECT_THAT(errors, HasSubstr("List `l` has no `items`"));
  EXPECT_THAT(errors, HasSubstr("Expected a `- rule:`"));
  EXPECT_THAT(errors, HasSubstr("No rule `S` has been defined before"));
  EXPECT_THAT(errors, HasSubstr("this engine knows 0.63.0"));
  EXPECT_THAT(errors, HasSubstr("Plugin `k8saudit` is not provided"));
}

TEST_F(FalcoTest, ATextInBracketsIsAListOfAnException) {
  const ast::RuleSet rules =
      Load({Rule("R", "evt.type = open") +
            "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      comps: [in, pmatch]\n"
            "      values:\n        - ['(a, \"b, c\", d)', '(/x)']\n        - ['\"(a)\"', /y]\n"});
  EXPECT_EQ(Errors(), "");
  const auto& values = rules.rules.at(0).exceptions.at(0).values;
  ASSERT_EQ(values.at(0).at(0).size(), 3u);
  EXPECT_EQ(values[0][0][1].text, "b, c");
  EXPECT_EQ(values[0][1].at(0).text, "/x");
  EXPECT_EQ(values.at(1).at(0).at(0).text, "(a)");
}

TEST_F(FalcoTest, WhatAppendsToSomethingBrokenIsNoFurtherFault) {
  Load(
      {"- rule: R\n  desc: [a]\n  condition: evt.type = open\n  output: o\n  priority: INFO\n"
       "- rule: R\n  condition: and proc.name = x\n  append: true\n"});
  EXPECT_THAT(Errors(), testing::Not(HasSubstr("E113")));
}

TEST_F(FalcoTest, BrokenYamlSaysWhere) {
  Load({"- rule: R\n  desc: [a\n  condition: b\n"});
  EXPECT_THAT(Errors(), HasSubstr("E111"));
  EXPECT_THAT(Errors(), HasSubstr("f1.yaml:"));
}

TEST_F(FalcoTest, AliasesCannotGrowWithoutBound) {
  std::string yaml = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    yaml += "- &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) yaml += (j ? ", *a" : "*a") + std::to_string(i - 1);
    yaml += "]\n";
  }
  Load({yaml});
  EXPECT_THAT(Errors(), HasSubstr("E110"));
}

TEST_F(FalcoTest, FalcosStableRules) {
  const std::string path = std::string(SLUICE_SOURCE_DIR) + "/../shared/falco/falco_rules.yaml";
  const auto file = files_.Read(path);
  if (!file.ok()) GTEST_SKIP() << "no ../shared/falco/falco_rules.yaml";
  Loader loader(files_, limits_, diagnostics_);
  loader.Add(*file);
  ast::RuleSet rules;
  loader.Finish(rules);
  EXPECT_EQ(Errors(), "");
  EXPECT_EQ(rules.rules.size(), 25u);
  for (const ast::Rule& rule : rules.rules) {
    const source::FileId derived = rule.condition.span.file;
    ExpectPointsAtItself({derived, 0, static_cast<uint32_t>(files_.text(derived).size())});
  }
}

}  // namespace
}  // namespace sluice::falco
