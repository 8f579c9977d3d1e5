// fmt.cc - sluice fmt FILE...: the one layout of rules, written back in place.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <iterator>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "compiler/fmt/format.h"

namespace sluice::cli {
namespace {

constexpr size_t kDiffLines = 12;

struct Arguments {
  std::vector<std::string> paths;
  bool check = false;
};

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Beside the file, then put in its place: a reader sees the old text or the new one. A link stays one.
bool Replace(const std::string& path, std::string_view text) {
  char* const real = realpath(path.c_str(), nullptr);
  const std::string target = real != nullptr ? real : path;
  free(real);
  struct stat old {};
  if (stat(target.c_str(), &old) != 0) return false;
  std::string temporary = target + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return false;
  // The owner is kept where we may: a file that becomes ours still holds the right text.
  const bool owned = fchown(fd, old.st_uid, old.st_gid) == 0 || errno == EPERM;
  bool ok = owned && fchmod(fd, old.st_mode & 07777) == 0 && WriteAll(fd, text) && fsync(fd) == 0;
  ok = close(fd) == 0 && ok;
  if (ok && rename(temporary.c_str(), target.c_str()) == 0) return true;
  const int error = errno;
  unlink(temporary.c_str());
  errno = error;
  return false;
}

class Formatter {
 public:
  explicit Formatter(bool check) : check_(check) {}

  void Take(const std::string& path) {
    source::Files files;
    const source::Result<source::FileId> file = Read(path, files);
    if (!file.ok()) {
      TellError(file.status());
      status_ = kUsage;
      return;
    }
    diag::Diagnostics diagnostics;
    const fmt_stage::Formatted formatted = fmt_stage::Format(files, *file, {}, diagnostics);
    switch (formatted.outcome) {
      case fmt_stage::Formatted::Outcome::kBroken:
        Tell(diag::RenderText(diagnostics, files, ColourOn(STDERR_FILENO)));
        Fail();
        break;
      case fmt_stage::Formatted::Outcome::kRefused:
        TellError(fmt::format("{}: left as it is: another layout would change what it means", path));
        Fail();
        break;
      case fmt_stage::Formatted::Outcome::kDone:
        Put(path, files.text(*file), formatted.text);
        break;
    }
  }

  int status() const { return status_; }

 private:
  static source::Result<source::FileId> Read(const std::string& path, source::Files& files) {
    if (path != "-") return files.Read(path);
    return files.Add("stdin", {std::istreambuf_iterator<char>(std::cin), {}});
  }

  void Put(const std::string& path, std::string_view before, std::string_view after) {
    if (check_) {
      if (before == after) return;
      fmt::print("{}\n{}", path, fmt_stage::ShortDiff(before, after, kDiffLines));
      Fail();
    } else if (path == "-") {
      fmt::print("{}", after);
    } else if (before != after && !Replace(path, after)) {
      TellError(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));
      status_ = kUsage;
    }
  }

  void Fail() {
    if (status_ == kFine) status_ = kRulesFailed;
  }

  const bool check_;
  int status_ = kFine;
};

bool IsFalcos(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

int Format(const Arguments& arguments) {
  const auto files = RuleFiles(arguments.paths, TestFiles::kTake);
  if (!files.ok()) {
    TellError(files.status());
    return kUsage;
  }
  Formatter formatter(arguments.check);
  for (const std::string& path : *files) {
    if (IsFalcos(path)) {
      TellError(fmt::format("{}: fmt knows .rule files; `sluice import` makes one of Falco's", path));
      return kUsage;
    }
  }
  for (const std::string& path : *files) formatter.Take(path);
  return formatter.status();
}

}  // namespace

Verb AddFmt(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("FILE", arguments->paths,
                 "Rule files; a folder stands for the .rule files below it; - for stdin to stdout")
      ->required()
      ->type_name("");
  app.add_flag("--check", arguments->check,
               "Write nothing; name the files that would change, and exit with 1");
  return [arguments] { return Format(*arguments); };
}

}  // namespace sluice::cli
