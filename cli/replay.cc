// replay.cc - sluice replay EVENTS.jsonl|CAPTURE -r FILE...: alerts of what was recorded, without a kernel.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <unordered_set>

#include "cli/config.h"
#include "cli/introspection.h"
#include "cli/outputs.h"
#include "cli/replay_capture.h"
#include "cli/rules.h"
#include "cli/verbs.h"
#include "runtime/capture/reader.h"
#include "runtime/eval/json_event.h"
#include "runtime/judge.h"
#include "runtime/sets.h"

namespace sluice::cli {
namespace {

struct Arguments {
  RuleArguments rules;
  std::string config, events;
};

constexpr size_t kMaxLine = 16 << 20;  // of an event

std::atomic<sink::Outputs*> outputs_in_use = nullptr;
std::atomic<bool> stopped = false;

void OnSignal(int signal) {
  if (signal == SIGHUP) return outputs_in_use.load()->Reopen();
  if (stopped.exchange(true)) outputs_in_use.load()->Hurry();
}

// Without SA_RESTART: the end is not put off until the next event of a pipe.
void HandleSignals() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  action.sa_flags = SA_RESTART;
  sigaction(SIGHUP, &action, nullptr);
  action.sa_handler = SIG_IGN;
  for (const int signal : {SIGPIPE, SIGXFSZ}) sigaction(signal, &action, nullptr);
}

// Unix nanoseconds, when the event says so; otherwise 0, so that two replays print the same. (To a throttle, all
// events without a time are at one moment.)
uint64_t TimeOf(const eval::Event& event) {
  for (const char* name : {"evt.rawtime", "evt.time"}) {
    const check::FieldRow* row = check::FindField(name);
    if (row == nullptr) continue;
    const eval::Value value = event.Get(check::FieldUse{.field = row->id, .index = -1, .argument = {}});
    if (value.kind == eval::Value::Kind::kNumber && value.number > 0)
      return static_cast<uint64_t>(value.number);
  }
  return 0;
}

// Events come as fast as the disk gives them: a queue that is full makes the replay wait, where a running
// agent would have to lose.
void Push(sink::Outputs& outputs, const alert::Alert& alert, const std::string& json = {}) {
  while (!stopped && !outputs.WaitForRoom(std::chrono::milliseconds(100))) {
  }
  outputs.Push(alert, json);
}

class Replay {
 public:
  Replay(std::unique_ptr<Compilation> compilation, Options options, sink::Outputs& outputs)
      : sources_(SourcesOf(*compilation)), options_(std::move(options)), outputs_(outputs) {
    Use(std::move(*compilation));
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) == 0) host_.hostname = name;
  }

  uint64_t suppressed() const { return throttle_.suppressed(); }

  // False when the line holds no event.
  bool Line(const std::string& line, uint64_t number, const std::string& file) {
    const source::Result<std::unique_ptr<eval::JsonEvent>> event = eval::JsonEvent::Parse(line, events_ + 1);
    if (!event.ok()) {
      Tell(fmt::format("{}:{}: error: {}\n", file, number, MessageOf(event.status())));
      return false;
    }
    ++events_;
    WarnOfUnknownKeys(**event, number, file);
    Judge(**event, number);
    return true;
  }

 private:
  void WarnOfUnknownKeys(const eval::JsonEvent& event, uint64_t number, const std::string& file) {
    for (const std::string& key : event.unknown_keys()) {
      if (!warned_.insert(key).second) continue;
      Tell(fmt::format("{}:{}: warning: `{}` is no field that sluice knows; it is ignored\n", file, number,
                       key));
    }
  }

  void Use(Compilation compilation) {
    evaluator_ = std::make_unique<eval::Evaluator>(
        std::make_shared<const uplan::UserPlan>(std::move(compilation.user)));
  }

  // What alerts so far have added to sets is in force.
  void RefillSets(uint64_t now_ns) {
    sets_.Expire(now_ns);
    if (!sets_.changed()) return;
    options_.members = sets_.Take();
    std::unique_ptr<Compilation> compilation = CompileTexts(sources_, options_);
    if (compilation->ok()) Use(std::move(*compilation));
  }

  void Judge(const eval::Event& event, uint64_t number) {
    RefillSets(TimeOf(event));
    evaluator_->Begin(event);
    matches_.clear();
    evaluator_->MatchAll(matches_);
    for (const eval::Match& match : matches_) {
      const check::CheckedRule& rule = evaluator_->plan().checked.rules[match.rule];
      const alert::Decision decision = WouldBe(rule.rule, event, match.undecided);
      if (decision != alert::Decision::kUndecided) sets_.Add(rule, event, TimeOf(event));
      const alert::Throttle::Verdict throttled = throttle_.Ask(rule, event, TimeOf(event));
      if (!throttled.passes) continue;
      alert::Alert alert =
          alert::Make(*evaluator_, rule, decision, event, nullptr, number, host_, TimeOf(event));
      alert.suppressed = throttled.suppressed;
      Push(outputs_, alert);
    }
  }

  const std::vector<std::pair<std::string, std::string>> sources_;
  Options options_;
  std::unique_ptr<eval::Evaluator> evaluator_;
  Sets sets_;
  sink::Outputs& outputs_;
  alert::Throttle throttle_;
  alert::Host host_;
  std::vector<eval::Match> matches_;
  uint64_t events_ = 0;
  std::unordered_set<std::string> warned_;
};

// False at the end and after a fault. True with fail() set: the line is longer than the buffer.
bool ReadLine(std::istream& events, std::string& buffer) {
  if (events.getline(buffer.data(), static_cast<std::streamsize>(buffer.size()))) return true;
  return !events.bad() && !events.eof() && events.gcount() > 0;
}

void SkipLine(std::istream& events) {
  events.clear(events.rdstate() & ~std::ios::failbit);
  events.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
}

int ReplayEvents(const Arguments& arguments, std::unique_ptr<Compilation> compilation, sink::Outputs& outputs,
                 uint64_t& suppressed) {
  std::ifstream file;
  const bool from_stdin = arguments.events == "-";
  if (!from_stdin) file.open(arguments.events, std::ios::binary);
  std::istream& events = from_stdin ? std::cin : file;
  if (!events || (events.peek() == EOF && events.bad())) {  // a folder opens, and fails when it is read
    TellError(fmt::format("{}: cannot be read: {}", arguments.events, std::strerror(errno)));
    return kUsage;
  }
  Replay replay(std::move(compilation), arguments.rules.CompileOptions(), outputs);
  uint64_t number = 0, malformed = 0;
  std::string buffer(kMaxLine + 1, '\0');
  errno = 0;
  while (!stopped && ReadLine(events, buffer)) {
    if (events.fail()) {
      Tell(fmt::format("{}:{}: error: the line is longer than {} bytes\n", arguments.events, ++number,
                       kMaxLine));
      ++malformed;
      SkipLine(events);
      continue;
    }
    const auto taken = static_cast<size_t>(events.gcount());  // with the line end, if there was one
    const std::string line(buffer, 0, events.eof() ? taken : taken - 1);
    if (++number == 1 && line.starts_with(std::string_view(capture::kMagic, sizeof capture::kMagic))) {
      TellError(fmt::format("{}: a capture is read from a file, not from a pipe", arguments.events));
      return kUsage;
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (!replay.Line(line, number, arguments.events)) ++malformed;
  }
  suppressed = replay.suppressed();
  if (!stopped && !events.eof()) {
    TellError(fmt::format("{}:{}: cannot be read: {}", arguments.events, number + 1, std::strerror(errno)));
    return kUsage;
  }
  if (malformed == 0) return kFine;
  TellError(fmt::format("{} in `{}` left out", Count(malformed, "malformed line"), arguments.events));
  return kUsage;
}

int ReplayFile(Arguments arguments) {
  int status = kFine;
  const std::optional<config::Config> config = ReadConfig(arguments.config, arguments.rules, status);
  if (!config) return status;
  const bool capture = capture::IsCapture(arguments.events);
  if (capture) arguments.rules.results_known = false;  // as `run` compiles
  std::unique_ptr<Compilation> compilation = CompileRules(arguments.rules, status);
  if (compilation == nullptr) return status;
  const std::unique_ptr<sink::Outputs> outputs = OpenOutputs(*config, status);
  if (outputs == nullptr) return status;
  outputs_in_use = outputs.get();
  const std::optional<Introspection> introspection =
      Introspect(*config, Agent::kReplay, nullptr, {}, *outputs, status);
  if (!introspection) return status;
  HandleSignals();
  uint64_t suppressed = 0;
  if (capture) {
    const auto raise = [&outputs](const alert::Alert& alert, const std::string& json) {
      Push(*outputs, alert, json);
    };
    status = ReplayCapture(arguments.events, std::move(compilation), arguments.rules.CompileOptions(), raise,
                           suppressed);
  } else {
    status = ReplayEvents(arguments, std::move(compilation), *outputs, suppressed);
  }
  const std::vector<sink::OutputStats> alerts = outputs->Close();
  if (!arguments.config.empty()) TellOutputs(alerts, suppressed);
  uint64_t lost = 0;
  for (const sink::OutputStats& output : alerts) lost += output.lost;
  if (lost == 0) return status;
  TellError(fmt::format("{} could not be delivered", Count(lost, "alert")));
  return status == kFine ? static_cast<int>(kHost) : status;
}

}  // namespace

Verb AddReplay(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  arguments->rules.results_known = true;
  app.add_option("EVENTS", arguments->events,
                 "A capture of `sluice record`, or events, one JSON object a line; - is stdin")
      ->required()
      ->type_name("");
  AddRulesOption(app, arguments->rules)->required(false);
  AddConfigOption(app, arguments->config);
  AddWarningsOption(app, arguments->rules);
  return [arguments] { return ReplayFile(*arguments); };
}

}  // namespace sluice::cli
