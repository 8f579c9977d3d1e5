#include "harness/written.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/check/terms.h"
#include "harness/defaults.h"
#include "harness/views.h"

namespace sluice::harness {
namespace {

using diag::Code;

constexpr size_t kNameBytes = SLUICE_NAME_BYTES - 1;
constexpr int kFirstPid = 1000;

// Where names of programs stand.
bool HoldsNames(const check::FieldUse& use) {
  return use.field == check::FieldId::kProcName || use.field == check::FieldId::kProcPname ||
         use.field == check::FieldId::kProcAname;
}

class TestWriter {
 public:
  TestWriter(const ast::Test& test, diag::Diagnostics& diagnostics)
      : test_(test), diagnostics_(diagnostics) {}

  std::vector<WrittenEvent> Write() {
    for (const ast::TestEvent& event : test_.events) {
      if (event.chain.empty()) {
        WriteOne(event);
      } else {
        WriteChain(event);
      }
    }
    return std::move(events_);
  }

 private:
  // ---- what the author wrote

  bool Read(const ast::TestEvent& event, Fields& fields) {
    const size_t before = diagnostics_.errors();
    for (const ast::TestValue& value : event.values) {
      check::FieldUse use;
      if (!Resolve(value.key, use)) continue;
      Written written;
      written.array = value.array;
      const bool special = !value.array && !value.words[0].quoted;
      if (special && value.words[0].text == "<NA>") {
        written.kind = Written::Kind::kAbsent;
      } else if (special && value.words[0].text == "<unknown>") {
        written.kind = Written::Kind::kUnknown;
      } else {
        for (const ast::Word& word : value.words) written.words.push_back(word.text);
        if (!HasItsType(value, use, written)) continue;
      }
      if (use.field == check::FieldId::kEvtType || use.field == check::FieldId::kEvtTypeIs ||
          use.field == check::FieldId::kEvtHook) {
        diagnostics_
            .Add(Code::E109, value.key.span, fmt::format("`{}` is no value of an event", value.key.text))
            .help = "the call, or the hook, stands before the braces: `event: openat { ... }`";
        continue;
      }
      fields.insert_or_assign(value.key.text, std::move(written));
    }
    return diagnostics_.errors() == before;
  }

  bool Resolve(const ast::Word& key, check::FieldUse& use) {
    ast::Field field;
    field.span = field.name.span = key.span;
    const size_t bracket = key.text.find('[');
    field.name.text = key.text.substr(0, bracket);
    if (bracket != std::string::npos) {
      ast::Word& argument = field.argument.emplace();
      argument.span = key.span;
      argument.text = key.text.substr(bracket + 1, key.text.size() - bracket - 2);
    }
    return check::ResolveUse(field, diagnostics_, use);
  }

  bool HasItsType(const ast::TestValue& value, const check::FieldUse& use, const Written& written) {
    source::Span where = value.key.span;
    for (const ast::Word& word : value.words) where = source::Cover(where, word.span);
    const std::string fault = FaultOf({{value.key.text, written}});
    if (!fault.empty()) {
      diagnostics_.Add(Code::E208, where, fault);
      return false;
    }
    for (const ast::Word& word : value.words) {
      if (!HoldsNames(use) || word.text.size() <= kNameBytes) continue;
      diagnostics_
          .Add(
              Code::E208, word.span,
              fmt::format("`{}` is no name of a process: names have at most {} bytes", word.text, kNameBytes))
          .help = fmt::format("the kernel cuts it: `{}`", word.text.substr(0, kNameBytes));
      return false;
    }
    return true;
  }

  bool FindType(const ast::Word& word, WrittenEvent& event) {
    event.type = check::FindEvent(word.text);
    if (event.type != check::kNoType) {
      event.hook = check::Events()[event.type - 1].FirstHook();
      return true;
    }
    if (const check::HookRow* hook = check::FindHook(word.text)) {
      event.hook = hook->id;
      return true;
    }
    std::vector<std::string_view> known;
    for (const check::EventRow& row : check::Events()) known.push_back(row.name);
    for (const check::HookRow& row : check::Hooks()) known.push_back(row.name);
    auto& fault =
        diagnostics_.Add(Code::E210, word.span, fmt::format("There is no event type `{}`", word.text));
    const std::string near = diag::Nearest(word.text, known);
    if (!near.empty()) {
      fault.help = fmt::format("did you mean `{}`?", near);
      fault.patches.push_back({word.span, near});
    } else {
      fault.help = "write the name of a call (`openat`) or of a hook (`file_open`)";
    }
    return false;
  }

  // ---- processes

  // The latest process of the test with this value.
  const Fields* Find(std::string_view field, const Fields& fields, std::string_view asked) const {
    const auto wanted = fields.find(field);
    if (wanted == fields.end() || wanted->second.words.size() != 1) return nullptr;
    for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) {
      const auto has = process->find(asked);
      if (has != process->end() && has->second.words == wanted->second.words) return &*process;
    }
    return nullptr;
  }

  // The process of an event that is no exec, when the test has had it.
  const Fields* Acting(const Fields& fields) const {
    if (processes_.empty()) return nullptr;
    if (const Fields* known = Find("proc.pid", fields, "proc.pid")) return known;
    const bool says = std::any_of(fields.begin(), fields.end(), [](const auto& field) {
      return field.first.starts_with("proc.") && IsOfProcess(field.first);
    });
    return says ? Find("proc.name", fields, "proc.name") : &processes_.back();
  }

  void WriteOne(const ast::TestEvent& said) {
    WrittenEvent event;
    Fields fields;
    const bool typed = FindType(said.type, event);
    if (!Read(said, fields) || !typed) return;
    event.span = said.span;
    event.title = said.type.text;
    const Fields* self = event.hook == SLUICE_HOOK_BPRM_CHECK ? nullptr : Acting(fields);
    if (self != nullptr) {
      for (const auto& [name, value] : *self) fields.try_emplace(name, value);
    } else {
      const Fields* parent = Find("proc.ppid", fields, "proc.pid");
      if (parent == nullptr) parent = Find("proc.pname", fields, "proc.name");
      if (parent != nullptr) InheritFrom(*parent, fields);
    }
    Finish(std::move(event), std::move(fields));
  }

  void Finish(WrittenEvent event, Fields fields) {
    FillProcess(fields, kFirstPid + static_cast<int>(processes_.size()));
    Fields& process = processes_.emplace_back();
    for (const auto& [name, value] : fields) {
      if (IsOfProcess(name)) process.emplace(name, value);
    }
    const auto flags = fields.find("evt.arg.flags");
    if (event.type != check::kNoType && flags != fields.end() && !flags->second.words.empty())
      event.hook = check::HookOf(event.type, flags->second.words.front());
    FillEvent(fields, event.hook, event.type, events_.size() + 1);
    std::erase_if(fields, [](const auto& field) { return field.second.kind == Written::Kind::kAbsent; });
    if (const std::string fault = FaultOf(fields); !fault.empty()) {
      diagnostics_.Add(Code::E208, event.span, "What follows from these values is no event: " + fault).help =
          "write the value that it tells of as well";
      return;
    }
    event.fields = std::move(fields);
    events_.push_back(std::move(event));
  }

  // `nginx -> "sh -c id" -> /tmp/x { ... }`: the first runs already, each further one is an execve of it. A
  // word with blanks is a command line, one with a slash a path; the values in braces are the last one's.
  void WriteChain(const ast::TestEvent& said) {
    Fields last;
    if (!Read(said, last)) return;
    Fields first = ProcessOf(said.chain.front());
    const Fields* known = Find("proc.name", first, "proc.name");
    Fields above;
    if (known != nullptr) {
      above = *known;
    } else {
      above = std::move(first);
      FillProcess(above, kFirstPid + static_cast<int>(processes_.size()));
      processes_.push_back(above);
    }
    std::string title = said.chain.front().text;
    for (size_t i = 1; i < said.chain.size(); ++i) {
      WrittenEvent event;
      event.type = check::FindEvent("execve");
      event.hook = check::Events()[event.type - 1].FirstHook();
      event.span = said.chain[i].span;
      title += " -> " + said.chain[i].text;
      event.title = title;
      Fields fields = i + 1 == said.chain.size() ? last : Fields();
      for (auto& [name, value] : ProcessOf(said.chain[i])) fields.try_emplace(name, std::move(value));
      InheritFrom(above, fields);
      Finish(std::move(event), std::move(fields));
      above = processes_.back();
    }
  }

  static Fields ProcessOf(const ast::Word& word) {
    Fields fields;
    const std::string program = word.text.substr(0, word.text.find(' '));
    if (program.find('/') != std::string::npos) fields.emplace("proc.exepath", Written::Of(program));
    fields.emplace("proc.name", Written::Of(NameOfPath(program)));
    if (program.size() < word.text.size()) fields.emplace("proc.cmdline", Written::Of(word.text));
    return fields;
  }

  const ast::Test& test_;
  diag::Diagnostics& diagnostics_;
  std::vector<Fields> processes_;
  std::vector<WrittenEvent> events_;
};

}  // namespace

std::vector<WrittenEvent> WriteEvents(const ast::Test& test, diag::Diagnostics& diagnostics) {
  return TestWriter(test, diagnostics).Write();
}

std::string NameOfPath(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1).substr(0, kNameBytes));
}

}  // namespace sluice::harness
