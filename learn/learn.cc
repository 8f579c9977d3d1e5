#include "learn/learn.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "runtime/alert/alert.h"
#include "runtime/alert/text.h"

namespace sluice::learn {
namespace {

using eval::Value;

constexpr std::string_view kOpens = "open, openat, openat2, open_by_handle_at, creat";

Value Get(const eval::Event& event, const char* field) {
  return event.Get({.field = check::FindField(field)->id, .index = -1, .argument = {}});
}

bool IsTrue(const eval::Event& event, const char* field) {
  const Value value = Get(event, field);
  return value.kind == Value::Kind::kBool && value.number != 0;
}

bool IsOpen(const eval::Event& event) {
  const std::string type(check::EventName(event.type()));
  return !type.empty() && (", " + std::string(kOpens) + ",").find(", " + type + ",") != std::string::npos;
}

bool IsExec(const eval::Event& event) {
  const std::string_view type = check::EventName(event.type());
  return type == "execve" || type == "execveat";
}

uint64_t Sum(const Counts& counts) {
  uint64_t sum = 0;
  for (const auto& [value, count] : counts) sum += count;
  return sum;
}

std::string Joined(const std::vector<std::string>& texts, std::string_view indent) {
  std::string out, line;
  for (const std::string& text : texts) {
    const std::string word = Quoted(text) + (&text == &texts.back() ? "" : ",");
    if (!line.empty() && line.size() + word.size() > 90)
      out += line + "\n" + std::string(indent), line.clear();
    line += (line.empty() ? "" : " ") + word;
  }
  return out + line;
}

// Writes lists and rules for one program after the other.
class Writer {
 public:
  Writer(const std::set<std::string>& without) : without_(without) {}

  void Program(const std::string& exepath, const Habits& habits) {
    exepath_ = exepath;
    title_ = NameFor(exepath);
    slug_ = SlugFor(exepath);
    out_ += fmt::format("\n# {}: {} events; {} files read, {} written, {} programs started, {} ports\n",
                        alert::Printable(exepath), habits.events, habits.reads.size(), habits.writes.size(),
                        habits.starts.size(), habits.peers.size());
    Files("reads", "reads a file that it did not read before", habits.reads,
          fmt::format("evt.type in ({})", kOpens), "evt.is_open_write = false", "fd.name");
    Files("writes", "writes a file that it did not write before", habits.writes,
          fmt::format("evt.type in ({})", kOpens), "evt.is_open_write = true", "fd.name");
    Files("starts", "starts a program that it did not start before", habits.starts,
          "evt.type in (execve, execveat)", "", "proc.exepath");
    Peers(habits.peers);
  }

  std::string Take() { return std::move(out_); }

 private:
  static std::string Base(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  std::string NameFor(const std::string& exepath) {
    const std::string base = Base(exepath);
    return ++names_[base] == 1 ? base : exepath;
  }

  std::string SlugFor(const std::string& exepath) {
    std::string slug = "p_";
    for (const char c : Base(exepath)) slug += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    std::string free = slug;
    for (int number = 2; !slugs_.insert(free).second; ++number) free = fmt::format("{}_{}", slug, number);
    return free;
  }

  bool Begins(const std::string& name) {
    if (without_.count(name) == 0) return true;
    out_ += fmt::format("# left out, for it fires on what it was learned from: {}\n", alert::Printable(name));
    return false;
  }

  // A program's name in an output is no field.
  static std::string WithoutFields(const std::string& name) {
    std::string out;
    for (const char c : name) out += c == '%' ? "%%" : std::string(1, c);
    return out;
  }

  // `output`: what follows the name.
  void Rule(const std::string& name, const std::string& desc, const std::string& condition,
            const std::string& output) {
    out_ += fmt::format(
        "rule {} {{\n  desc: {}\n  condition: {}\n  output: {}\n  priority: notice\n  tags: [learned]\n}}\n",
        Quoted(name), Quoted(desc), condition, Quoted(WithoutFields(name) + output));
  }

  void Files(std::string_view what, std::string_view says, const Counts& seen, const std::string& type,
             const std::string& also, const std::string& field) {
    const std::string name = fmt::format("{} {}", title_, says);
    if (!Begins(name)) return;
    const Patterns patterns = PatternsOf(seen);
    std::vector<std::string> allowed;
    const auto list = [&](std::string_view kind, const std::vector<std::string>& texts) {
      const std::string list_name = fmt::format("{}_{}_{}", slug_, what, kind);
      out_ += fmt::format("list {} = [\n  {}\n]\n", list_name, Joined(texts, "  "));
      return list_name;
    };
    if (!patterns.exact.empty())
      allowed.push_back(fmt::format("{} in ({})", field, list("known", patterns.exact)));
    if (!patterns.folders.empty())
      allowed.push_back(fmt::format("{} pmatch ({})", field, list("folders", patterns.folders)));
    for (const std::string& prefix : patterns.prefixes)
      allowed.push_back(fmt::format("{} startswith {}", field, Quoted(prefix)));
    for (const std::string& glob : patterns.globs)
      allowed.push_back(fmt::format("{} glob {}", field, Quoted(glob)));
    const bool start = field == "proc.exepath";
    std::string condition =
        fmt::format("{} and {} = {}", type, start ? "proc.pexepath" : "proc.exepath", Quoted(exepath_));
    if (!also.empty()) condition += " and " + also;
    for (const std::string& test : allowed) condition += fmt::format("\n             and not {}", test);
    Rule(name, fmt::format("{} {}; learned from {} such events", exepath_, says, Sum(seen)), condition,
         start ? " | exe=%proc.exepath command=%proc.cmdline user=%user.name"
               : " | file=%fd.name command=%proc.cmdline user=%user.name");
  }

  void Peers(const std::map<int64_t, Counts>& peers) {
    const std::string name = title_ + " connects to what it did not connect to before";
    if (!Begins(name)) return;
    std::string condition =
        fmt::format("evt.type = connect and proc.exepath = {} and fd.type in (ipv4, ipv6)", Quoted(exepath_));
    uint64_t seen = 0;
    for (const auto& [port, addresses] : peers) {
      seen += Sum(addresses);
      std::string nets;
      for (const std::string& net : NetsOf(addresses)) nets += (nets.empty() ? "" : ", ") + Quoted(net);
      condition += fmt::format("\n             and not (fd.rport = {} and fd.rnet in ({}))", port, nets);
    }
    Rule(
        name,
        fmt::format("{} connects to a new address or port; {} connections were learned from", exepath_, seen),
        condition, " | connection=%fd.name command=%proc.cmdline user=%user.name");
  }

  const std::set<std::string>& without_;
  std::string out_, exepath_, title_, slug_;
  std::map<std::string, int> names_;
  std::set<std::string> slugs_;
};

}  // namespace

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::optional<std::string> Observer::Text(const eval::Event& event, const char* field) {
  const Value value = Get(event, field);
  if (value.kind == Value::Kind::kString && !value.truncated && !value.text.empty())
    return std::string(value.text);
  if (value.kind == Value::Kind::kNet) return alert::ValueText(value, check::Shape::kScalar);
  unknown_ += value.kind == Value::Kind::kUnknown || value.truncated;
  return std::nullopt;
}

Habits* Observer::Of(const std::string& exepath) {
  if (!wanted_(exepath)) return nullptr;
  Habits& habits = observed_[exepath];
  ++habits.events;
  return &habits;
}

void Observer::See(const eval::Event& event) {
  if (IsExec(event)) {
    const auto parent = Text(event, "proc.pexepath"), program = Text(event, "proc.exepath");
    if (!parent || !program) return;
    if (Habits* habits = Of(*parent)) ++habits->starts[*program];
    return;
  }
  const bool connect = check::EventName(event.type()) == "connect";
  if (!connect && !IsOpen(event)) return;
  const auto program = Text(event, "proc.exepath");
  if (!program) return;
  if (connect) {
    const Value port = Get(event, "fd.rport");
    const auto address = Text(event, "fd.rip");
    if (!address || port.kind != Value::Kind::kNumber) return;  // not of the internet
    if (Habits* habits = Of(*program)) ++habits->peers[port.number][*address];
    return;
  }
  const auto file = Text(event, "fd.name");
  Habits* habits = file ? Of(*program) : nullptr;
  if (habits != nullptr) ++(IsTrue(event, "evt.is_open_write") ? habits->writes : habits->reads)[*file];
}

std::string RulesOf(const Observed& observed, const std::set<std::string>& without, const std::string& from) {
  Writer writer(without);
  for (const auto& [exepath, habits] : observed) writer.Program(exepath, habits);
  return fmt::format(
             "# Learned by `sluice learn` from {}: what each program did, and a rule for whatever else "
             "it does.\n# Read it before you use it: what was going on then is taken to be right.\n",
             alert::Printable(from)) +
         writer.Take();
}

std::optional<Subject> SubjectOf(const eval::Event& event) {
  const auto text = [&](const char* field) {
    const Value value = Get(event, field);
    return value.kind == Value::Kind::kString && !value.truncated ? std::string(value.text) : std::string();
  };
  Subject subject;
  subject.exepath = text("proc.exepath");
  subject.field = IsExec(event) ? "proc.pexepath" : "fd.name";
  subject.value = text(subject.field.c_str());
  if (!IsExec(event) && subject.value.empty()) {
    subject.field = "fs.path.name";
    subject.value = text("fs.path.name");
  }
  if (subject.value.empty()) {
    subject.field = "proc.pexepath";
    subject.value = text("proc.pexepath");
  }
  if (subject.exepath.empty() || subject.value.empty()) return std::nullopt;
  return subject;
}

std::string ExceptionsOf(const std::map<Subject, uint64_t>& subjects, bool exact,
                         const std::set<std::string>& taken) {
  std::map<std::pair<std::string, std::string>, Counts> groups;  // by field and program
  for (const auto& [subject, count] : subjects)
    groups[{subject.field, subject.exepath}][subject.value] += count;
  struct Rows {
    std::string field, comp, rows;
  };
  std::vector<Rows> items;
  const auto add = [&](const std::string& field, const std::string& comp, const std::string& row) {
    for (Rows& item : items) {
      if (item.field == field && item.comp == comp) return void(item.rows += ",\n      " + row);
    }
    items.push_back({field, comp, row});
  };
  for (const auto& [key, values] : groups) {
    const std::string &field = key.first, &exepath = key.second;
    Patterns patterns = PatternsOf(values);
    if (exact) {
      patterns = {};
      for (const auto& [value, count] : values) patterns.exact.push_back(value);
    }
    const auto rows = [&](const std::string& comp, const std::vector<std::string>& texts, bool together) {
      if (texts.empty()) return;
      if (together)
        return add(field, comp, fmt::format("[{}, ({})]", Quoted(exepath), Joined(texts, "        ")));
      for (const std::string& text : texts)
        add(field, comp, fmt::format("[{}, {}]", Quoted(exepath), Quoted(text)));
    };
    rows("in", patterns.exact, true);
    rows("pmatch", patterns.folders, true);
    rows("startswith", patterns.prefixes, false);
    rows("glob", patterns.globs, false);
  }
  std::string out;
  size_t number = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    while (taken.count(fmt::format("learned_{}", ++number)) != 0) {
    }
    out += fmt::format(
        "    {{ name: learned_{}, fields: [proc.exepath, {}], comps: [=, {}], values: [\n      {} ] }}{}\n",
        number, items[i].field, items[i].comp, items[i].rows, i + 1 == items.size() ? "" : ",");
  }
  return out;
}

}  // namespace sluice::learn
