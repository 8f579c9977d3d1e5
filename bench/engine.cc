// bench/engine.cc - what an event costs in user space, by the number of rules; what rules cost to load.
//
// Usage: engine [--rules COUNT] [--falco FILE] [--benchmark_...]
//
//   --rules COUNT   prints the generated rules instead (for other engines)
//   --falco FILE    also measures Falco's YAML rules of FILE
//
// Every row judges the same events (event_mix.h) by the same plan twice in one run: through the index, and
// one rule after the other with short-circuit evaluation. The walk shares values and answers between rules,
// as the index does, so it is faster than a walk without sharing. CPU time, the least of several
// repetitions: what else the machine does only adds. Rules are loaded in a process of their own: parse to evaluator, as CPU time and as growth of
// resident memory.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "bench/event_mix.h"
#include "bench/rule_mix.h"
#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "runtime/eval/evaluator.h"

namespace sluice::bench {
namespace {

struct Subject {
  std::string label;
  std::string name, text;  // of the rule file
  size_t rules = 0;
};

using Texts = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Compilation> CompileOrExit(const Texts& texts) {
  Options options;
  options.keeps_stages = false;  // as `run` has it
  std::unique_ptr<Compilation> compilation = CompileTexts(texts, options);
  if (compilation->ok()) return compilation;
  std::cerr << diag::RenderText(compilation->diagnostics, compilation->files, false);
  std::exit(1);
}

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// In MB: what is resident now, and the most that ever was.
std::pair<double, double> Resident() {
  std::ifstream status("/proc/self/status");
  double now = 0, most = 0;
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string key;
    double kilobytes = 0;
    words >> key >> kilobytes;
    if (key == "VmRSS:") now = kilobytes / 1024;
    if (key == "VmHWM:") most = kilobytes / 1024;
  }
  return {now, most};
}

struct Load {
  double seconds = 0, kept_mb = 0, peak_mb = 0;
};

Load MeasureLoad(const Subject& subject) {
  int ends[2];
  if (pipe(ends) != 0) std::exit(1);
  const pid_t child = fork();
  if (child == 0) {
    const Texts texts = {{subject.name, subject.text}};  // the compiler makes its own copy, as of a file
    const double resident = Resident().first, started = CpuSeconds();
    std::unique_ptr<Compilation> compilation = CompileOrExit(texts);
    auto plan = std::make_shared<const uplan::UserPlan>(std::move(compilation->user));
    compilation.reset();
    malloc_trim(0);  // as the engine does
    const eval::Evaluator evaluator(std::move(plan));
    const double seconds = CpuSeconds() - started;
    const auto [now, most] = Resident();
    const Load load{seconds, now - resident, most - resident};
    const bool told = write(ends[1], &load, sizeof load) == sizeof load;
    _exit(told ? 0 : 1);
  }
  close(ends[1]);
  Load load;
  const bool read_all = child > 0 && read(ends[0], &load, sizeof load) == sizeof load;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!read_all || status != 0) std::exit(1);
  return load;
}

using Judge = void (eval::Evaluator::*)(std::vector<eval::Match>&);

// One iteration judges every event of the mix once.
void Measure(benchmark::State& state, const Subject& subject, Judge judge) {
  eval::Evaluator evaluator(
      std::make_shared<uplan::UserPlan>(std::move(CompileOrExit({{subject.name, subject.text}})->user)));
  EventMix events;
  std::vector<eval::Match> matches;
  size_t matched = 0;
  for (auto _ : state) {
    matched = 0;
    for (size_t i = 0; i < events.size(); ++i) {
      evaluator.Begin(events.At(i));
      matches.clear();
      (evaluator.*judge)(matches);
      matched += matches.size();
    }
  }
  state.counters["matches"] = static_cast<double>(matched);
  state.counters["events"] = static_cast<double>(events.size());
}

// Keeps the least of the repetitions; the table is printed at the end.
class Leasts : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) std::exit(1);
      if (run.aggregate_name != "least") continue;
      const double events = run.counters.at("events").value;
      by_name_[run.run_name.function_name] = {run.GetAdjustedCPUTime() / events,
                                              run.counters.at("matches").value / events};
    }
  }
  // A filter may have left it out.
  bool Has(const std::string& name) const { return by_name_.count(name) != 0; }
  double Nanoseconds(const std::string& name) const { return by_name_.at(name).first; }
  double Matches(const std::string& name) const { return by_name_.at(name).second; }

 private:
  std::map<std::string, std::pair<double, double>> by_name_;
};

void PrintTable(const std::vector<Subject>& subjects, const Leasts& leasts, const std::vector<Load>& loads) {
  double of_hundred = 0;
  for (const Subject& subject : subjects) {
    if (subject.label == "100" && leasts.Has("index/100")) of_hundred = leasts.Nanoseconds("index/100");
  }
  fmt::print(
      "| rules | alerts per event | index ns | to 100 rules | walk ns | walk / index | load s | kept MB | "
      "peak MB |\n");
  fmt::print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
  for (size_t i = 0; i < subjects.size(); ++i) {
    const std::string& label = subjects[i].label;
    if (!leasts.Has("index/" + label) || !leasts.Has("walk/" + label)) continue;
    const double index = leasts.Nanoseconds("index/" + label), walk = leasts.Nanoseconds("walk/" + label);
    fmt::print("| {} | {:.3f} | {:.0f} | {} | {:.0f} | {:.1f} | {:.3f} | {:.1f} | {:.1f} |\n", label,
               leasts.Matches("index/" + label), index,
               of_hundred > 0 ? fmt::format("{:.2f}", index / of_hundred) : "-", walk, walk / index,
               loads[i].seconds, loads[i].kept_mb, loads[i].peak_mb);
  }
}

int Run(int argc, char** argv) {
  std::vector<Subject> subjects;
  for (const size_t count : {1, 25, 100, 1000, 5000, 10000}) {
    subjects.push_back({std::to_string(count), "mix.rule", RuleMix(count), count});
  }
  for (int i = 1; i + 1 < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--rules") {
      fmt::print("{}", RuleMix(std::strtoul(argv[i + 1], nullptr, 10)));
      return 0;
    }
    if (option != "--falco") continue;
    std::ifstream file(argv[i + 1]);
    std::ostringstream text;
    text << file.rdbuf();
    subjects.insert(subjects.begin(), {"Falco's", "falco_rules.yaml", text.str(), 0});
  }
  std::vector<Load> loads;
  for (const Subject& subject : subjects) loads.push_back(MeasureLoad(subject));
  for (const Subject& subject : subjects) {
    for (const auto& [way, judge] : {std::pair<const char*, Judge>{"index", &eval::Evaluator::MatchAll},
                                     std::pair<const char*, Judge>{"walk", &eval::Evaluator::WalkAll}}) {
      benchmark::RegisterBenchmark(
          fmt::format("{}/{}", way, subject.label).c_str(),
          [&subject, judge = judge](benchmark::State& state) { Measure(state, subject, judge); })
          ->MinTime(0.1)
          ->Repetitions(9)
          ->ComputeStatistics(
              "least",
              [](const std::vector<double>& all) { return *std::min_element(all.begin(), all.end()); })
          ->ReportAggregatesOnly();
    }
  }
  benchmark::Initialize(&argc, argv);
  Leasts leasts;
  benchmark::RunSpecifiedBenchmarks(&leasts);
  PrintTable(subjects, leasts, loads);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  mallopt(M_MMAP_THRESHOLD, 128 << 10);  // as cli/main.cc does
  return sluice::bench::Run(argc, argv);
}
