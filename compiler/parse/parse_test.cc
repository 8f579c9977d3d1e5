#include "compiler/parse/parse.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/diag/render.h"
#include "compiler/parse/values.h"

namespace sluice::parse {
namespace {

struct Parsed {
  source::Files files;
  diag::Diagnostics diagnostics;
  ast::RuleSet rules;

  explicit Parsed(std::string text, const Limits& limits = {}) {
    const source::FileId file = files.Add("test.rule", std::move(text));
    Parse(files, file, limits, rules, diagnostics);
  }
  std::string Errors() const { return diag::RenderText(diagnostics, files, false); }
  std::vector<std::string> Codes() const {
    std::vector<std::string> codes;
    for (const auto& each : diagnostics.all()) codes.emplace_back(diag::RowOf(each.code).name);
    return codes;
  }
};

struct Condition {
  source::Files files;
  diag::Diagnostics diagnostics;
  ast::Expr expr;
  bool ok;

  explicit Condition(std::string text) {
    const source::FileId file = files.Add("condition", std::move(text));
    ok = ParseCondition(files, file, {}, expr, diagnostics);
  }
  std::string Errors() const { return diag::RenderText(diagnostics, files, false); }
};

std::string Repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

// ---- conditions
// -------------------------------------------------------------------------------------------------

TEST(ParseCondition, MeansWhatFalcoMeans) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      // precedence and nesting
      {"a", "a"},
      {"a and b or c and d", "(or (and a b) (and c d))"},
      {"a or b or c", "(or a b c)"},
      {"a and (b or c)", "(and a (or b c))"},
      {"a and(b)", "(and a b)"},
      {"not a and b", "(and (not a) b)"},
      {"not a.b=1", "(not (= a.b 1))"},
      {"not not a", "(not (not a))"},
      {"not(a or b)", "(not (or a b))"},
      {"((a))", "a"},
      {"notb and and_x or or1", "(or (and notb and_x) or1)"},
      {"a\n\tand\r\nb", "(and a b)"},
      {"list and macro and rule", "(and list macro rule)"},
      // operators, with and without blanks
      {"a.b = c", "(= a.b c)"},
      {"a.b=c", "(= a.b c)"},
      {"a.b == c", "(= a.b c)"},
      {"a.b!=c", "(!= a.b c)"},
      {"fd.num>=0", "(>= fd.num 0)"},
      {"fd.num < -1.5e+3", "(< fd.num -1.5e+3)"},
      {"fd.num > 0xFF", "(> fd.num 0xFF)"},
      {"a.b <= 5 and a.b > 3.", "(and (<= a.b 5) (> a.b 3.))"},
      {"a.b contains x", "(contains a.b x)"},
      {"a.b icontains x", "(icontains a.b x)"},
      {"a.b bcontains 00ff", "(bcontains a.b 00ff)"},
      {"a.b startswith /etc", "(startswith a.b /etc)"},
      {"a.b bstartswith 00", "(bstartswith a.b 00)"},
      {"a.b endswith .log", "(endswith a.b .log)"},
      {"a.b glob *.log", "(glob a.b *.log)"},
      {"a.b iglob *.log", "(iglob a.b *.log)"},
      {"a.b regex '[0-9]+(x|y)'", "(regex a.b \"[0-9]+(x|y)\")"},
      {"a.b exists", "(exists a.b)"},
      {"(a.b exists)", "(exists a.b)"},
      // lists
      {"a.b in (x)", "(in a.b (x))"},
      {"a.b in(x,y)", "(in a.b (x y))"},
      {"a.b in ( x , \"y z\" )", "(in a.b (x \"y z\"))"},
      {"a.b in ()", "(in a.b ())"},
      {"a.b in names", "(in a.b names)"},
      {"a.b intersects (x, y)", "(intersects a.b (x y))"},
      {"a.b pmatch (/a, /b)", "(pmatch a.b (/a /b))"},
      {"a.b in (x) and c", "(and (in a.b (x)) c)"},
      // quantifiers
      {"a.b contains oneof (x, y)", "(contains oneof a.b (x y))"},
      {"a.b = anyof(x", ""},
      {"a.b = anyof (x)", "(= anyof a.b (x))"},
      {"a.b != allof  (x)", "(!= allof a.b (x))"},
      {"a.b contains oneof names", "(contains oneof a.b names)"},
      {"a.b contains oneof", "(contains a.b oneof)"},
      {"(a.b = anyof)", "(= a.b anyof)"},
      // values: bare words hold almost anything
      {"proc.name = runc:[1:CHILD]", "(= proc.name runc:[1:CHILD])"},
      {"a.b = <NA>", "(= a.b <NA>)"},
      {"a.b = !x", "(= a.b !x)"},
      {"a.b = x#y", "(= a.b x#y)"},
      {"a.b = x{y}", "(= a.b x{y})"},
      {"a.b contains #x", "(contains a.b #x)"},
      {"a.b in (x, #y,#)", "(in a.b (x #y #))"},
      {"a.b = }", "(= a.b })"},
      {"a.b = #", "(= a.b #)"},
      {"a.b in (})", "(in a.b (}))"},
      {"a.b contains\noutput:x", "(contains a.b output:x)"},
      {"a.b =\n condition: and c", "(and (= a.b condition:) c)"},
      {"a.b = x\\n", "(= a.b x\\n)"},
      {"a.b = and", "(= a.b and)"},
      {"a.b = in", "(= a.b in)"},
      {"a.b = val", "(= a.b val)"},
      {"a.b = c.d", "(= a.b c.d)"},
      {"a.b = \xc3\xa4\xe6\xbc\xa2", "(= a.b \xc3\xa4\xe6\xbc\xa2)"},
      {"a.b = '\xf0\x9f\x98\x80'", "(= a.b \"\xf0\x9f\x98\x80\")"},
      // quotes and escapes
      {"a.b = \"x y\"", "(= a.b \"x y\")"},
      {"a.b = ''", "(= a.b \"\")"},
      {"a.b = \"it's\"", "(= a.b \"it's\")"},
      {"a.b = 'say \"x\"'", "(= a.b \"say \\\"x\\\"\")"},
      {R"(a.b = "\"")", R"((= a.b "\""))"},
      {R"(a.b = '\'')", R"((= a.b "'"))"},
      {R"(a.b = "a\\")", R"((= a.b "a\\"))"},  // Falco's own lexer cannot read this one
      {R"(a.b = "\\" and c)", R"((and (= a.b "\\") c))"},
      {R"(a.b = "\n\t\r\/\x41")", R"((= a.b "\n\t\r/A"))"},
      {R"(a.b = "\ x")", R"((= a.b "\\x"))"},
      {R"(a.b = "# no comment")", R"((= a.b "# no comment"))"},
      {"a.b = 'two\nlines' and c", R"((and (= a.b "two\nlines") c))"},
      // fields and arguments
      {"proc.aname[2] = x", "(= proc.aname[2] x)"},
      {"proc.env[LD_PRELOAD] exists", "(exists proc.env[LD_PRELOAD])"},
      {"proc.env[\"A ]B\"] exists", "(exists proc.env[\"A ]B\"])"},
      {"container.mount.dest[/proc*] = x", "(= container.mount.dest[/proc*] x)"},
      {"evt.arg[0]=x", "(= evt.arg[0] x)"},
      // right sides that are fields, and transformers
      {"a.b = val(c.d)", "(= a.b val(c.d))"},
      {"a.b = val( c.d[1] )", "(= a.b val(c.d[1]))"},
      {"a.b in val(c.d)", "(in a.b val(c.d))"},
      {"fd.num > val(fd.x)", "(> fd.num val(fd.x))"},
      {"tolower(a.b) = x", "(= tolower(a.b) x)"},
      {"toupper( tolower( a.b[1] ) ) = x", "(= toupper(tolower(a.b[1])) x)"},
      {"a.b = tolower(c.d)", "(= a.b tolower(c.d))"},
      {"a.b in tolower(c.d)", "(in a.b tolower(c.d))"},
      {"len(a.b) > 5", "(> len(a.b) 5)"},
      {"b64(a.b) contains x", "(contains b64(a.b) x)"},
      {"basename(a.b) exists", "(exists basename(a.b))"},
      {"concat(a.b, \"x\", 5) = y", "(= concat(a.b, \"x\", 5) y)"},
      {"join(\",\", (a.b, tolower(c.d), 'e')) = y", "(= join(\",\", (a.b, tolower(c.d), \"e\")) y)"},
      {"join(',', ()) = y", "(= join(\",\", ()) y)"},
      {"getopt(proc.args, \"x:\")[x] = y", "(= getopt(proc.args, \"x:\")[x] y)"},
      {"a.b = getopt(proc.args, 'x')[\"y\"] and c", "(and (= a.b getopt(proc.args, \"x\")[\"y\"]) c)"},
  };
  for (const auto& [text, expected] : cases) {
    const Condition condition{std::string(text)};
    if (expected.empty()) {
      EXPECT_FALSE(condition.ok) << text;
      continue;
    }
    ASSERT_TRUE(condition.ok) << text << "\n" << condition.Errors();
    EXPECT_EQ(ast::Print(condition.expr), expected) << text;
  }
}

TEST(ParseCondition, RefusesWhatFalcoRefuses) {
  const std::string_view cases[] = {
      "",
      " ",
      "and",
      "a and",
      "a and and b",
      "a andb",
      "not",
      "a not b",
      "a b",
      "(a",
      "a)",
      "()",
      "a.b",
      "a.b =",
      "a.b = (x)",
      "a.b = \"x",
      "a.b = 'x\"",
      "a.b = x y",
      "a.b = x,y",
      "a.b = x=y",
      "a.b in (x",
      "a.b in (x,)",
      "a.b in (,x)",
      "a.b in (x y)",
      "a.b in \"x\"",
      "a.b in x-y",
      "a.b < x",
      "a.b < \"5\"",
      "a.b < 5x",
      "a.b exists x",
      "exists a.b",
      "a.b[ = x",
      "a.b[] = x",
      "a.b[x = y",
      "a.b [x] = y",
      "a.b = \"\\q\"",
      "a.b = \"\\x4\"",
      "a.b = \"\\'\"",
      "val(a.b) = x",
      "a.b = val(x)",
      "a.b = val(tolower(c.d))",
      "tolower() = x",
      "tolower(a.b",
      "tolower(x) = y",
      "tolower (a.b) = y",
      "lower(a.b) = y",
      "tolower(a.b)",
      "join(',', ((a.b))) = y",
      "5 = a.b",
      "\"a\" = a.b",
      "a && b",
      "a || b",
      "!a",
      "a.b = x }",
      "a.b = x output: \"y\"",
      "a.b startwith x",
      "a.b = anyof(x)",
      "a.b in (x))",
      ".a = b",
      "a..b = c",
      "1a.b = c",
  };
  for (const std::string_view text : cases) {
    const Condition condition{std::string(text)};
    EXPECT_FALSE(condition.ok) << text << " -> " << ast::Print(condition.expr);
    EXPECT_GE(condition.diagnostics.errors(), 1u) << text;
    EXPECT_EQ(condition.Errors().find("_KEY"), std::string::npos) << condition.Errors();
  }
}

// YAML folds `condition: >` into one line: what followed the `#` would be lost.
TEST(ParseCondition, HasNoComments) {
  for (const std::string_view text :
       {"a # b\n and c", "# a\n b", "a.b = c # d", "a.b in (c, # d\n e)", "a and #b\n c", "a.b = # c\n d"}) {
    const Condition condition{std::string(text)};
    EXPECT_FALSE(condition.ok) << text << " -> " << ast::Print(condition.expr);
    EXPECT_NE(condition.Errors().find("a condition has no comments"), std::string::npos)
        << condition.Errors();
  }
}

TEST(ParseCondition, SpansCoverTheWords) {
  const std::string text = "x and (proc.aname[2] in (a, \"b c\")) and tolower(a.b) = oneof  (z)";
  const Condition condition{text};
  ASSERT_TRUE(condition.ok) << condition.Errors();
  const auto at = [&](source::Span span) { return condition.files.Text(span); };
  ASSERT_EQ(condition.expr.children.size(), 3u);
  EXPECT_EQ(at(condition.expr.span), text);
  EXPECT_EQ(at(condition.expr.children[0].macro->span), "x");
  EXPECT_EQ(at(condition.expr.children[1].span), "(proc.aname[2] in (a, \"b c\"))");
  const ast::Check& check = *condition.expr.children[1].check;
  EXPECT_EQ(at(check.left.span), "proc.aname[2]");
  EXPECT_EQ(at(check.left.field.name.span), "proc.aname");
  EXPECT_EQ(check.left.field.name.text, "proc.aname");
  EXPECT_EQ(at(check.left.field.argument->span), "2");
  EXPECT_EQ(at(check.op_span), "in");
  EXPECT_EQ(at(check.values_span), "(a, \"b c\")");
  EXPECT_EQ(at(check.values[1].span), "\"b c\"");
  EXPECT_TRUE(check.values[1].quoted);
  const ast::Check& last = *condition.expr.children[2].check;
  EXPECT_EQ(at(last.left.transform->name.span), "tolower");
  EXPECT_EQ(at(last.values_span), "(z)");
}

// ---- blocks
// -----------------------------------------------------------------------------------------------------

constexpr std::string_view kRest = "  desc: \"d\"\n  output: \"o\"\n  priority: debug\n";

std::string RuleWith(std::string_view line) {
  return "rule \"r\" {\n  condition: a\n" + std::string(kRest) + "  " + std::string(line) + "\n}\n";
}

TEST(ParseRule, ReadsEveryKey) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"action: kill", "(action kill)"},
      {"errno: EACCES", "(errno 13)"},
      {"errno: EWOULDBLOCK", "(errno 11)"},
      {"on_unknown: deny", "(on_unknown deny)"},
      {"mode: audit", "(mode audit)"},
      {"tags: [a, \"b c\", T1059.004,]", "(tags a \"b c\" T1059.004)"},
      {"tags: [\n a,\n # one\n b\n ]", "(tags a b)"},
      {"enabled: false", "(enabled false)"},
      {"source: k8s_audit", "(source k8s_audit)"},
      {"throttle: 1 per 10m", "(throttle 1 10m)"},
      {"throttle: 5 per 500ms by proc.exepath, proc.aname[1]",
       "(throttle 5 500ms (by proc.exepath proc.aname[1]))"},
      {"then: add %proc.exepath to blocked for 1h", "(then add proc.exepath blocked 1h)"},
      {"then: add proc.aname[1] to blocked for 36h", "(then add proc.aname[1] blocked 36h)"},
      {"scope: uid 1000", "(scope uid 1000)"},
      {"scope: cgroup \"/a b\"", "(scope cgroup \"/a b\")"},
      {"scope: cgroup /system.slice/x.service", "(scope cgroup \"/system.slice/x.service\")"},
      {"scope: percent 10", "(scope percent 10)"},
      {"fuse: 10 per 1m", "(fuse 10 1m)"},
      {"exceptions: [{ name: n, fields: [a.b, c.d], comps: [=, in], values: [[x, (y, z)], [\"u v\", w]] }]",
       "(exception n\n    (fields a.b c.d)\n    (comps = in)\n    (row x (y z))\n    (row \"u v\" w))"},
      {"exceptions: [ { name: n, fields: a.b, values: [x, y] }, ]",
       "(exception n\n    (fields a.b)\n    (comps in)\n    (row (x y)))"},
      {"exceptions: [{ name: n, fields: [a.b[1], tolower(c.d)] }]",
       "(exception n\n    (fields a.b[1] tolower(c.d))\n    (comps = =))"},
      {"exceptions: [{ name: n, fields: a.b, comps: \"contains anyof\", values: [x] }]",
       "(exception n\n    (fields a.b)\n    (comps \"contains anyof\")\n    (row x))"},
  };
  for (const auto& [line, expected] : cases) {
    const Parsed parsed(RuleWith(line));
    EXPECT_EQ(parsed.Errors(), "") << line;
    EXPECT_NE(ast::Print(parsed.rules).find(expected), std::string::npos) << line << "\n"
                                                                          << ast::Print(parsed.rules);
  }
}

TEST(ParseRule, AQuantifierEndsBeforeAKey) {
  const Parsed parsed(
      "rule r {\n  condition: a.b contains oneof\n  output: \"o\"\n  desc: \"d\"\n  priority: debug\n}\n");
  EXPECT_EQ(parsed.Errors(), "");
  const std::string printed = ast::Print(parsed.rules);
  EXPECT_NE(printed.find("(contains a.b oneof)"), std::string::npos) << printed;
  EXPECT_NE(printed.find("(output \"o\")"), std::string::npos) << printed;
  const Parsed over("rule r {\n  condition: a.b contains oneof\n    names\n" + std::string(kRest) + "}\n");
  EXPECT_NE(ast::Print(over.rules).find("(contains oneof a.b names)"), std::string::npos) << over.Errors();
}

TEST(ParseRule, RefusesWithTheRightCode) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"action: block", "E109"},
      {"errno: EPREM", "E109"},
      {"errno: eperm", "E109"},
      {"mode: off", "E109"},
      {"enabled: yes", "E109"},
      {"tags: a, b", "E101"},
      {"tags: [a,, b]", "E101"},
      {"tags: [a b]", "E101"},
      {"throttle: 0 per 10m", "E109"},
      {"throttle: 1 per 10", "E109"},
      {"throttle: 1 per 10w", "E109"},
      {"throttle: 1 per 999999999999d", "E109"},
      {"throttle: 1 in 10m", "E109"},
      {"throttle: 1 per", "E101"},
      {"fuse: 1 per 1m by a.b", "E109"},
      {"then: drop it", "E101"},
      {"then: add %a.b to x-y for 1m", "E109"},
      {"scope: uid 4294967295", "E109"},
      {"scope: uid root", "E109"},
      {"scope: percent 0", "E109"},
      {"scope: percent 101", "E109"},
      {"scope: cgroup x", "E109"},
      {"scope: cgroup /a/../b", "E109"},
      {"scope: cgroup /a/./b", "E109"},
      {"scope: cgroup /a/..", "E109"},
      {"scope: gid 4", "E109"},
      {"desc: \"again\"", "E108"},
      {"condition: again", "E108"},
      {"colour: red", "E107"},
      {"colour: { a: [b, (c)], d: \"e\" } -> f", "E107"},
      {"event: execve", "E107"},
      {"source: \"\\q\"", "E103"},
      {"source: \"x", "E102"},
      {"exceptions: [{ fields: a.b }]", "E106"},
      {"exceptions: [{ name: n }]", "E106"},
      {"exceptions: [{ name: n, fields: [a.b], comps: [=, in] }]", "E109"},
      {"exceptions: [{ name: n, fields: [a.b], values: [[x, y]] }]", "E109"},
      {"exceptions: [{ name: n, fields: [a.b], values: [x] }]", "E109"},
      {"exceptions: [{ name: n, fields: [a.b], comps: [is] }]", "E109"},
      {"exceptions: [{ name: n, fields: [a.b], vals: [[x]] }]", "E107"},
      {"exceptions: [{ name: n, name: m, fields: [a.b] }]", "E108"},
  };
  for (const auto& [line, code] : cases) {
    const Parsed parsed(RuleWith(line));
    EXPECT_EQ(parsed.Codes(), std::vector<std::string>{std::string(code)}) << line << "\n" << parsed.Errors();
    const std::string_view key = line.substr(0, line.find(':'));
    const bool one_word = key == "action" || key == "errno" || key == "mode" || key == "enabled" ||
                          key == "priority" || key == "on_unknown" || key == "colour" || key == "event";
    EXPECT_EQ(parsed.rules.rules.size(), one_word && code != "E108" ? 1 : 0)
        << line << "\nthe rest of a rule with a fault of a key or of one word is looked at all the same";
  }
}

TEST(ParseRule, PrioritiesAreFalcos) {
  for (const std::string_view name : {"emergency", "ALERT", "Critical", "error", "WARNING", "notice", "info",
                                      "Informational", "debug", "\"warning\""}) {
    const Parsed parsed("rule r { desc: d condition: a\n output: o priority: " + std::string(name) + " }");
    EXPECT_EQ(parsed.Errors(), "") << name;
  }
}

TEST(ParseRule, ConditionEndsAtTheNextKeyOrBrace) {
  const std::string_view texts[] = {
      "rule r {\n condition: a and\n  b\n desc: d\n output: o\n priority: info\n}",
      "rule r {\n desc: d\n output: o\n priority: info\n condition: a\n\n# x\n and b\n}",
      "rule r {\n desc: d\n output: o\n priority: info\n condition: a and b }",
      "rule r { condition: a and b desc: d output: o priority: info }",
      "rule r {\ndesc: d\noutput: o\npriority: info\ncondition:\na and b\n}",
  };
  for (const std::string_view text : texts) {
    const Parsed parsed{std::string(text)};
    EXPECT_EQ(parsed.Errors(), "") << text;
    ASSERT_EQ(parsed.rules.rules.size(), 1u) << text;
    EXPECT_EQ(ast::Print(parsed.rules.rules[0].condition), "(and a b)") << text;
  }
}

TEST(Parse, AllowCommentsBelongToTheBlockRightBelow) {
  const Parsed parsed(
      "# allow: lost\n\n# text\n#allow: unused,  never-matches\n# more\nlist x = [a]\n# allow: "
      "no-event-type\n" +
      RuleWith("# allow: inside"));
  ASSERT_EQ(parsed.rules.lists.size(), 1u);
  ASSERT_EQ(parsed.rules.lists[0].allowed_warnings.size(), 2u);
  EXPECT_EQ(parsed.rules.lists[0].allowed_warnings[1].text, "never-matches");
  EXPECT_EQ(parsed.files.Text(parsed.rules.lists[0].allowed_warnings[1].span), "never-matches");
  ASSERT_EQ(parsed.rules.rules.size(), 1u);
  ASSERT_EQ(parsed.rules.rules[0].allowed_warnings.size(), 1u);
}

TEST(Parse, AcceptsByteOrderMarkAndCarriageReturns) {
  const Parsed parsed("\xef\xbb\xbflist x = [a,\r\n  b]\r\n\r\n# c\r\nmacro m = x.y in (x)\r\n  and z\r\n");
  EXPECT_EQ(parsed.Errors(), "");
  EXPECT_EQ(ast::Print(parsed.rules), "(list x a b)\n\n(macro m\n  (and (in x.y (x)) z))\n");
}

TEST(Parse, EmptyTextsAreFine) {
  for (const std::string_view text : {"", "\n\n", "# only a comment", "   \t\r\n", "\xef\xbb\xbf"}) {
    EXPECT_EQ(Parsed(std::string(text)).Errors(), "");
  }
}

TEST(Parse, EachBrokenBlockIsReportedAndTheOthersAreKept) {
  const Parsed parsed(
      "junk\n\nmore junk\nlist a = [x\nmacro b = a.b =\nmacro good = a.b = c\nrule \"c\" {\ntest \"d\" "
      "}\nlist ok = [x]\n");
  EXPECT_EQ(parsed.Codes(), (std::vector<std::string>{"E101", "E101", "E101", "E101", "E101"}))
      << parsed.Errors();
  EXPECT_EQ(parsed.rules.macros.size(), 1u);
  EXPECT_EQ(parsed.rules.lists.size(), 1u);
}

TEST(Parse, EncodingFaultsAreReportedPerBlock) {
  const Parsed parsed(std::string("list a = [\xff]\nlist b = [x\0y]\nlist c = [z]\n", 41));
  EXPECT_EQ(parsed.Codes(), (std::vector<std::string>{"E105", "E105"})) << parsed.Errors();
  EXPECT_EQ(parsed.rules.lists.size(), 1u);
}

TEST(Parse, SizesAreBounded) {
  Limits limits;
  limits.max_block_bytes = limits.max_list_bytes = 20;
  limits.max_blocks = 2;
  const Parsed parsed("list a = [" + Repeat("x,", 10) + "]\nlist b = [x]\nlist c = [x]\nlist d = [x]\n",
                      limits);
  EXPECT_EQ(parsed.Codes(), (std::vector<std::string>{"E110", "E110"})) << parsed.Errors();
  EXPECT_EQ(parsed.rules.lists.size(), 1u);
}

TEST(Parse, NamesOfBrokenBlocksAreKept) {
  const Parsed parsed(
      "list a = [x y]\nmacro b = a.b =\nrule \"c d\" {\n  desc: d\n}\nlist 'e\n= [\"x]\nmacro f = a.b = c\n"
      "list g = [\xff]\n");
  std::vector<std::string> names;
  for (const ast::Word& name : parsed.rules.broken) names.push_back(name.text);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c d", "e", "g"})) << parsed.Errors();
  EXPECT_EQ(parsed.rules.macros.size(), 1u);
}

TEST(Parse, ListsOfEveryFormAreRead) {
  const Parsed parsed(
      "list a=[]\nlist b # c\n = # d\n [ # e\n x, # f\n 'y \\' z', \"\\x41\", w#, ::1, fe80::, ::, a:b, ->x, "
      "2001:db8::/32, \xc3\xa4,\n] # g\n\nlist \"c\" = [d\t,\re]\n");
  EXPECT_EQ(parsed.Errors(), "");
  EXPECT_EQ(ast::Print(parsed.rules),
            "(list a)\n\n(list b x \"y ' z\" \"A\" w# ::1 fe80:: :: a:b ->x 2001:db8::/32 \xc3\xa4)\n\n"
            "(list \"c\" d e)\n");
  EXPECT_EQ(parsed.files.Text(parsed.rules.lists[0].span), "list a=[]");
  EXPECT_EQ(parsed.files.Text(parsed.rules.lists[1].items[1].span), "'y \\' z'");
}

TEST(Parse, WhatIsNoListIsRefused) {
  for (const std::string_view text :
       {"list a = [b,,c]", "list a = [,]", "list a = [b c]", "list a = [b:]", "list a = [b :]",
        "list a = [:]", "list a = [->]", "list a = [\"b]", "list a = [\"\\q\"]", "list a = [b\"c\"]",
        "list a = [b(c)]", "list a = [b]]", "list a = [b", "list a = b", "list a [b]", "list a-b = [c]",
        "list = [c]", "list a = [b] c"}) {
    const Parsed parsed{std::string(text)};
    EXPECT_FALSE(parsed.diagnostics.ok()) << text;
  }
}

TEST(Parse, AMillionItemsAreRead) {
  std::string text = "list a = [x";
  for (int i = 0; i < 1'000'000; ++i) text += ",\n  /opt/programs/of/some/length/" + std::to_string(i);
  const auto before = std::chrono::steady_clock::now();
  const Parsed parsed(text + "]\n");
  EXPECT_EQ(parsed.Errors(), "");
  EXPECT_EQ(parsed.rules.lists.at(0).items.size(), 1'000'001u);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
  EXPECT_EQ(Parsed(text + " y]\n").Codes(), (std::vector<std::string>{"E101"}));
}

TEST(Parse, DeepNestingIsRefusedQuickly) {
  constexpr size_t kDeep = 100'000;
  const std::string texts[] = {
      "macro m = " + Repeat("(", kDeep) + "a" + Repeat(")", kDeep),
      "macro m = " + Repeat("(", kDeep),
      "macro m = " + Repeat("not ", kDeep) + "a",
      "macro m = " + Repeat("not(", kDeep) + "a" + Repeat(")", kDeep),
      "macro m = " + Repeat("tolower(", kDeep) + "a.b" + Repeat(")", kDeep) + " = c",
      "macro m = a.b = " + Repeat("tolower(", kDeep) + "a.b" + Repeat(")", kDeep),
      "rule r {\n  exceptions: " + Repeat("[", kDeep) + "\n}",
      "rule r {\n  exceptions: [{ name: n, fields: " + Repeat("x(", kDeep) + "\n}",
      "rule r {\n  unknown: " + Repeat("{", kDeep) + "\n}",
      "test t {\n  event: execve { a: " + Repeat("{", kDeep) + "\n}",
  };
  for (const std::string& text : texts) {
    const auto begin = std::chrono::steady_clock::now();
    const Parsed parsed{std::string(text)};
    EXPECT_EQ(parsed.Codes(), (std::vector<std::string>{"E104"})) << text.substr(0, 60);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  }
}

TEST(Parse, NestingUpToTheLimitIsFine) {
  const Limits limits;
  const size_t depth = limits.max_nesting;
  for (const std::string& text :
       {"macro m = " + Repeat("(", depth) + "a" + Repeat(")", depth),
        "macro m = " + Repeat("not ", depth) + "a", "macro m = " + Repeat("not a and ", 10'000) + "a"}) {
    EXPECT_EQ(Parsed(std::string(text)).Errors(), "");
  }
}

TEST(Parse, LongFlatConditionsAreFine) {
  const Parsed parsed("macro m = " + Repeat("a.b = c and ", 50'000) + "x");
  EXPECT_EQ(parsed.Errors(), "");
  EXPECT_EQ(parsed.rules.macros.at(0).condition.children.size(), 50'001u);
}

TEST(ParseTest, ReadsEventsExpectationsAndTrigger) {
  const Parsed parsed(R"(test "t" {
  event: open { fd.name: "/a b", evt.arg.flags: O_RDONLY|O_CREAT, proc.aname[1]: x, "odd key": y, n: [], }
  event: execve
  event: nginx -> "s h" -> curl { user.uid: 0 }
  expect: alert "r" output "text" { fd.name: "/a b" }
  expect: kill r { proc.name: x }
  expect: nothing
  trigger: "cat /etc/shadow"
})");
  EXPECT_EQ(parsed.Errors(), "");
  EXPECT_EQ(ast::Print(parsed.rules), R"((test "t"
  (event open (fd.name "/a b") (evt.arg.flags O_RDONLY|O_CREAT) (proc.aname[1] x) ("odd key" y) (n []))
  (event execve)
  (event (chain nginx "s h" curl) (user.uid 0))
  (expect alert "r" (output "text") (fd.name "/a b"))
  (expect kill r (proc.name x))
  (expect nothing)
  (trigger "cat /etc/shadow"))
)");
}

// ---- Falco's published rules
// --------------------------------------------------------------------------------------

// The text of each `condition:` of a Falco file; enough YAML for how that file is written.
std::vector<std::string> FalcoConditions(std::istream& in) {
  std::vector<std::string> conditions;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    constexpr std::string_view kKey = "  condition:";
    if (line.compare(0, kKey.size(), kKey) == 0) {
      std::string text = line.substr(kKey.size());
      const size_t first = text.find_first_not_of(" >|-");
      conditions.push_back(first == std::string::npos ? "" : text.substr(first));
      inside = true;
    } else if (inside && (line.empty() || line.compare(0, 4, "    ") == 0)) {
      conditions.back() += "\n" + line;
    } else {
      inside = false;
    }
  }
  return conditions;
}

TEST(ParseCondition, EveryConditionOfFalcosRulesParses) {
  const std::string path = std::string(SLUICE_SOURCE_DIR) + "/../shared/falco/falco_rules.yaml";
  std::ifstream in(path);
  if (!in) GTEST_SKIP() << "no falco_rules.yaml beside the repository";
  const std::vector<std::string> conditions = FalcoConditions(in);
  EXPECT_GT(conditions.size(), 50u);
  for (const std::string& text : conditions) {
    const Condition condition{std::string(text)};
    EXPECT_TRUE(condition.ok) << condition.Errors();
  }
}

// ---- values
// -------------------------------------------------------------------------------------------------------

TEST(ParseDuration, TakesAWholeNumberAndAUnit) {
  const std::pair<std::string_view, uint64_t> good[] = {
      {"10ms", 10'000'000},      {"30s", 30'000'000'000},    {"10m", 600'000'000'000},
      {"1h", 3'600'000'000'000}, {"1d", 86'400'000'000'000}, {"106751d", 9'223'286'400'000'000'000}};
  for (const auto& [text, ns] : good) EXPECT_EQ(ParseDuration(text), ns) << text;
  for (const std::string_view bad :
       {"", "5", "s", "0s", "-1s", "1.5s", "1 s", "1w", "1S", "106752d", "99999999999999999999s"}) {
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  }
}

TEST(Errno, HasTheNumbersOfLinux) {
  const std::pair<std::string_view, int> cases[] = {{"EPERM", 1},   {"ENOENT", 2},      {"EACCES", 13},
                                                    {"EROFS", 30},  {"EHWPOISON", 133}, {"EWOULDBLOCK", 11},
                                                    {"ENOTSUP", 95}};
  for (const auto& [name, number] : cases) EXPECT_EQ(ErrnoNumber(name), number) << name;
  EXPECT_EQ(ErrnoNumber("ENOPE"), std::nullopt);
  EXPECT_GE(ErrnoNames().size(), 130u);
}

}  // namespace
}  // namespace sluice::parse
