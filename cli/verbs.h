// verbs.h - what the program can do: one verb, one file.
//
// AddX() declares a verb's options; the function it returns runs the verb after the options have been parsed
// and gives the exit status. Machine output goes to stdout, everything else to stderr.
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace sluice::cli {

enum ExitStatus : int {
  kFine = 0,         // alerts and warnings are no failure
  kRulesFailed = 1,  // errors in rules, or in a batch
  kUsage = 2,        // wrong usage, or a file that cannot be read
  kHost = 3,         // the host cannot do it
};

using Verb = std::function<int()>;

Verb AddCheck(CLI::App& app);
Verb AddExplain(CLI::App& app);
Verb AddEval(CLI::App& app);
Verb AddRecord(CLI::App& app);
Verb AddLearn(CLI::App& app);
Verb AddDiff(CLI::App& app);
Verb AddReplay(CLI::App& app);
Verb AddRun(CLI::App& app);
Verb AddTest(CLI::App& app);
Verb AddFields(CLI::App& app);
Verb AddFmt(CLI::App& app);
Verb AddImport(CLI::App& app);
Verb AddConfig(CLI::App& app);
Verb AddStatus(CLI::App& app);
Verb AddAudit(CLI::App& app);
Verb AddStop(CLI::App& app);
Verb AddTop(CLI::App& app);
Verb AddUnpin(CLI::App& app);

// Every event of this host, into a capture, until interrupted or for so many seconds (0: no end); an exit status.
int RecordEverything(const std::string& capture, unsigned seconds);

}  // namespace sluice::cli
