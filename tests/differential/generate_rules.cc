#include <fmt/format.h>

#include <set>

#include "tests/differential/vocabulary.h"

namespace sluice::differential {
namespace {

enum class Words {
  kName,
  kPath,
  kDirectory,
  kBaseName,
  kCommand,
  kType,
  kHook,
  kFlags,
  kMode,
  kDigits,
  kFileType,
  kTypechar,
  kNumber,
  kBool
};

struct FieldSpec {
  std::string name;
  Words words;
  bool any = false;    // of several ancestors: no quantifiers, no transformers
  bool kernel = true;  // the kernel knows it
};

const std::vector<FieldSpec> kFields = {
    {"evt.type", Words::kType},
    {"syscall.type", Words::kType},
    {"evt.hook", Words::kHook},
    {"proc.name", Words::kName},
    {"proc.name", Words::kName},
    {"proc.exepath", Words::kPath},
    {"proc.exepath", Words::kPath},
    {"fd.name", Words::kPath},
    {"fd.name", Words::kPath},
    {"fd.directory", Words::kDirectory},
    {"fd.filename", Words::kBaseName},
    {"fd.type", Words::kFileType},
    {"fd.typechar", Words::kTypechar},
    {"fs.path.name", Words::kPath},
    {"evt.arg.name", Words::kPath},
    {"evt.arg.path", Words::kPath},
    {"evt.arg.flags", Words::kFlags},
    {"evt.arg.mode", Words::kMode},
    {"evt.arg.uid", Words::kDigits},
    {"evt.arg.gid", Words::kDigits},
    {"fs.path.source", Words::kPath},
    {"fs.path.target", Words::kPath},
    {"fs.path.target", Words::kPath},
    {"evt.arg.newpath", Words::kPath},
    {"proc.pname", Words::kName},
    {"proc.pexepath", Words::kPath},
    {"proc.aname", Words::kName, true},
    {"proc.aname[0]", Words::kName},
    {"proc.aname[1]", Words::kName},
    {"proc.aname[3]", Words::kName},
    {"proc.aname[10]", Words::kName, false, false},
    {"proc.aexepath", Words::kPath, true},
    {"proc.aexepath[2]", Words::kPath},
    {"user.uid", Words::kNumber},
    {"group.gid", Words::kNumber},
    {"user.loginuid", Words::kNumber},
    {"proc.cgroup_id", Words::kNumber},
    {"proc.mnt_ns", Words::kNumber},
    {"proc.pid_ns", Words::kNumber},
    {"evt.uptime.s", Words::kNumber},
    {"evt.is_open_read", Words::kBool},
    {"evt.is_open_write", Words::kBool},
    {"evt.is_open_exec", Words::kBool},
    {"evt.is_open_create", Words::kBool},
    {"proc.is_exe_from_memfd", Words::kBool},
    {"proc.is_exe_upper_layer", Words::kBool},
    {"proc.cmdline", Words::kCommand, false, false},
    {"proc.cmdline", Words::kCommand, false, false},
};

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) {  // a cut may have left half a character
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

class RuleWriter {
 public:
  RuleWriter(const RuleOptions& options, Random& random) : options_(options), random_(random) {}

  std::string Write() {
    std::string out;
    for (size_t i = 0, n = random_.Below(3); i < n; ++i) out += List(i);
    for (size_t i = 0, n = random_.Below(3); i < n; ++i) {
      out += fmt::format("macro m{} = {}\n", i, Condition(2, false));
      ++macros_;
    }
    for (size_t i = 0; i < options_.rules; ++i) out += Rule(i);
    return out;
  }

 private:
  std::string List(size_t index) {
    std::vector<std::string> items;
    for (size_t i = 0, n = 1 + random_.Below(4); i < n; ++i) {
      items.push_back(Quoted(random_.Chance(50) ? SomeName(random_) : SomePath(random_)));
    }
    if (index > 0 && random_.Chance(40)) items.push_back(fmt::format("l{}", random_.Below(index)));
    ++lists_;
    return fmt::format("list l{} = [{}]\n", index, fmt::join(items, ", "));
  }

  std::string Rule(size_t index) {
    const bool mitigation = options_.mitigations && random_.Chance(50);
    std::string condition;
    if (options_.wide && random_.Chance(50)) {
      condition = Wide(mitigation);
    } else {
      condition = Condition(1 + random_.Below(3), mitigation);
    }
    if (random_.Chance(70)) condition = Types() + " and (" + condition + ")";
    return fmt::format(
        "rule \"R{}\" {{\n  desc: \"d\"\n  condition: {}\n  output: \"o\"\n  priority: warning\n  action: "
        "{}\n}}\n",
        index, condition,
        !mitigation          ? "alert"
        : random_.Chance(50) ? "deny"
                             : "kill");
  }

  std::string Types() {
    std::vector<std::string> types;
    for (size_t i = 0, n = 1 + random_.Below(4); i < n; ++i) types.push_back(SomeType());
    return fmt::format("evt.type in ({})", fmt::join(types, ", "));
  }

  std::string SomeType() {
    static const std::vector<std::string> kTypes = {"execve",  "execveat", "open",   "openat",
                                                    "openat2", "creat",    "mknod",  "mknodat",
                                                    "unlink",  "unlinkat", "connect"};
    return random_.Pick(kTypes);
  }

  // Many branches, two tests each.
  std::string Wide(bool kernel_only) {
    std::vector<std::string> branches;
    for (size_t i = 0, n = 3 + random_.Below(12); i < n; ++i) {
      branches.push_back(fmt::format("({} and {})", Predicate(kernel_only), Predicate(kernel_only)));
    }
    return fmt::format("{}", fmt::join(branches, " or "));
  }

  std::string Condition(size_t depth, bool kernel_only) {
    const size_t dice = random_.Below(100);
    if (depth == 0 || dice < 10) return Predicate(kernel_only);
    if (dice < 20) return "not " + Bracketed(depth - 1, kernel_only);
    std::vector<std::string> parts;
    for (size_t i = 0, n = 2 + random_.Below(3); i < n; ++i)
      parts.push_back(Bracketed(depth - 1, kernel_only));
    return fmt::format("{}", fmt::join(parts, dice < 62 ? " and " : " or "));
  }

  std::string Bracketed(size_t depth, bool kernel_only) {
    if (macros_ > 0 && !kernel_only && random_.Chance(10)) return fmt::format("m{}", random_.Below(macros_));
    const std::string inner = Condition(depth, kernel_only);
    return "(" + inner + ")";
  }

  std::string Predicate(bool kernel_only) {
    const FieldSpec* spec = &random_.Pick(kFields);
    while (kernel_only && !spec->kernel) spec = &random_.Pick(kFields);
    const std::string negation = random_.Chance(15) ? "not " : "";
    if (spec->words == Words::kBool) {
      return fmt::format("{}{} {} {}", negation, spec->name,
                         random_.Chance(80) ? "=" : "!=", random_.Chance(70) ? "true" : "false");
    }
    if (spec->words == Words::kNumber) return negation + NumberTest(spec->name);
    if (kernel_only) return negation + KernelTest(*spec);
    if (!spec->any && random_.Chance(8)) return negation + Transformed(*spec);
    return negation + TextTest(*spec);
  }

  std::string NumberTest(const std::string& field) {
    static const std::vector<std::string> kOps = {"=", "!=", "<", "<=", ">", ">="};
    if (random_.Chance(10)) return field + " exists";
    if (random_.Chance(25))
      return fmt::format("{} in ({}, {})", field, SomeNumber(random_), SomeNumber(random_));
    return fmt::format("{} {} {}", field, random_.Pick(kOps), random_.Chance(8) ? -1 : SomeNumber(random_));
  }

  std::string Word(const FieldSpec& spec) {
    switch (spec.words) {
      case Words::kName:
        return random_.Chance(4) ? "a-name-of-more-than-15-bytes" : SomeName(random_);
      case Words::kPath:
        return SomePath(random_);
      case Words::kDirectory:
        return DirectoryOf(SomePath(random_));
      case Words::kBaseName:
        return BaseNameOf(SomePath(random_));
      case Words::kCommand:
        return SomeCommand(random_);
      case Words::kType:
        return SomeType();
      case Words::kHook:
        return std::string(random_.Pick(check::Hooks()).name);
      case Words::kMode:
        return "S_ISUID";
      case Words::kFileType:
        return random_.Pick(std::vector<std::string>{"file", "directory", "ipv4"});
      case Words::kTypechar:
        return random_.Pick(std::vector<std::string>{"f", "d", "4"});
      case Words::kDigits:
        return fmt::format("{}", SomeNumber(random_));
      case Words::kFlags:
        return ShownFlags(random_.Below(4) | (random_.Chance(30) ? 01000 : 0));
      default:
        return "x";
    }
  }

  std::string ListOf(const FieldSpec& spec) {
    std::vector<std::string> items;
    for (size_t i = 0, n = 1 + random_.Below(4); i < n; ++i) items.push_back(Quoted(Word(spec)));
    // The words of a list are names and paths.
    if (lists_ > 0 && spec.words != Words::kType && random_.Chance(20)) {
      items.push_back(fmt::format("l{}", random_.Below(lists_)));
    }
    return fmt::format("({})", fmt::join(items, ", "));
  }

  // With operators that the kernel has tables for, mostly.
  std::string KernelTest(const FieldSpec& spec) {
    if (spec.words == Words::kMode) {
      static const std::vector<std::string> kModes = {"S_ISUID", "S_IXOTH", "S_IX", "S_IFCHR", "S_IF", "USR"};
      return spec.name + " contains " + random_.Pick(kModes);
    }
    if (spec.words == Words::kFlags) {
      static const std::vector<std::string> kFlags = {"O_CREAT",  "O_TRUNC",  "O_EXCL",
                                                      "O_DIRECT", "O_APPEND", "CREAT"};
      return spec.name + " contains " + random_.Pick(kFlags);
    }
    const bool whole =
        spec.words == Words::kBaseName || spec.words == Words::kType || spec.words == Words::kDigits;
    const bool path = spec.words == Words::kPath || spec.words == Words::kDirectory;
    switch (random_.Below(whole ? 4 : 8)) {
      case 0:
        return fmt::format("{} = {}", spec.name, Quoted(Word(spec)));
      case 1:
        return fmt::format("{} != {}", spec.name, Quoted(Word(spec)));
      case 2:
        return fmt::format("{} in {}", spec.name, ListOf(spec));
      case 3:
        return spec.name + " exists";
      case 4:
        return fmt::format("{} startswith {}", spec.name, Quoted(PrefixOf(Word(spec), random_)));
      case 5:
        return fmt::format("{} endswith {}", spec.name, Quoted(SuffixOf(Word(spec), random_)));
      case 6:
        return fmt::format("{} glob {}", spec.name,
                           Quoted(PrefixOf(Word({"", Words::kName}), random_) + "*"));
      default:
        return path ? fmt::format("{} pmatch {}", spec.name, PlainPaths())
                    : fmt::format("{} in {}", spec.name, ListOf(spec));
    }
  }

  std::string PlainPaths() {
    std::vector<std::string> paths;
    for (size_t i = 0, n = 1 + random_.Below(3); i < n; ++i) {
      std::string path = SomePath(random_);
      if (random_.Chance(10)) path += "/";
      if (random_.Chance(5)) path.insert(0, 1, '/');
      paths.push_back(Quoted(path));
    }
    return fmt::format("({})", fmt::join(paths, ", "));
  }

  std::string TextTest(const FieldSpec& spec) {
    static const std::vector<std::string> kPatterns = {"*",      "/etc/*",     "*sh",  "/*/a",  "b?sh",
                                                       "[a-n]*", "/tmp/[ab]*", "bash", "/**/b", "",
                                                       "*a*",    "exec*",      "O_*"};
    static const std::vector<std::string> kExpressions = {
        "/etc/.*", "ba?sh", "[a-z]+", "bash", "/(etc|root)/[^/]*", ".*", "a|b", "/tmp", "open.*", "x*"};
    static const std::vector<std::string> kPathPatterns = {"/etc",  "/*/a", "/opt/di*", "tmp",
                                                           "/[ab]", "/",    "//etc//"};
    switch (random_.Below(14)) {
      case 0:
        return fmt::format("{} contains {}", spec.name, Quoted(PartOf(Word(spec), random_)));
      case 1:
        return fmt::format("{} icontains {}", spec.name, Quoted(PartOf(Word(spec), random_)));
      case 2:
        return fmt::format("{} glob {}", spec.name, Quoted(random_.Pick(kPatterns)));
      case 3:
        return fmt::format("{} iglob {}", spec.name, Quoted(random_.Pick(kPatterns)));
      case 4:
        return fmt::format("{} regex {}", spec.name, Quoted(random_.Pick(kExpressions)));
      case 5:
        return fmt::format("{} pmatch ({}, {})", spec.name, Quoted(random_.Pick(kPathPatterns)),
                           Quoted(random_.Pick(kPathPatterns)));
      case 6:
        return spec.any ? KernelTest(spec) : Quantified(spec);
      default:
        return KernelTest(spec);
    }
  }

  std::string Quantified(const FieldSpec& spec) {
    static const std::vector<std::string> kQuantifiers = {"oneof", "anyof", "allof"};
    static const std::vector<std::string> kOps = {"=", "!=", "contains", "startswith", "endswith", "glob"};
    const std::string& op = spec.words == Words::kType ? kOps[random_.Below(2)] : random_.Pick(kOps);
    const std::string& quantifier = random_.Pick(kQuantifiers);
    if (quantifier != "oneof") return fmt::format("{} {} {} {}", spec.name, op, quantifier, ListOf(spec));
    // A value that stands twice in a list counts twice when written out and once when it comes from a `list`.
    std::set<std::string> once;
    for (size_t i = 0, n = 1 + random_.Below(4); i < n; ++i) once.insert(Quoted(Word(spec)));
    return fmt::format("{} {} oneof ({})", spec.name, op, fmt::join(once, ", "));
  }

  std::string Transformed(const FieldSpec& spec) {
    if (spec.words == Words::kType) return spec.name + " exists";
    switch (random_.Below(6)) {
      case 0:
        return fmt::format("tolower({}) = {}", spec.name, Quoted(Word(spec)));
      case 1:
        return fmt::format("toupper({}) contains {}", spec.name, Quoted(PartOf(Word(spec), random_)));
      case 2:
        return fmt::format("basename({}) in {}", spec.name, ListOf({"", Words::kBaseName}));
      case 3:
        return fmt::format("len({}) > {}", spec.name, random_.Below(20));
      case 4:
        return fmt::format("concat({}, {}) startswith {}", spec.name, Quoted("x"), Quoted(Word(spec)));
      default:
        return fmt::format("{} = val({})", spec.name,
                           spec.words == Words::kName ? "proc.pname" : "proc.exepath");
    }
  }

  const RuleOptions& options_;
  Random& random_;
  size_t lists_ = 0, macros_ = 0;
};

}  // namespace

std::string GenerateRules(const RuleOptions& options, Random& random) {
  return RuleWriter(options, random).Write();
}

}  // namespace sluice::differential
