#include "runtime/rule_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/string_view.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

absl::Status Fault(const std::string& path, const std::error_code& error) {
  const std::string text = fmt::format("{}: {}", path, error.message());
  return error == std::errc::permission_denied ? absl::PermissionDeniedError(text)
                                               : absl::NotFoundError(text);
}

absl::Status FilesBelow(const std::string& folder, TestFiles tests, std::vector<std::string>& files) {
  std::error_code error;
  std::vector<std::string> found;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string path = at->path().string();
    std::error_code no_file;
    if (IsRuleFile(path, tests) && at->is_regular_file(no_file)) found.push_back(path);
  }
  if (error) return Fault(folder, error);
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
  return absl::OkStatus();
}

}  // namespace

bool IsRuleFile(std::string_view path, TestFiles tests) {
  return path.ends_with(".rule") && (tests == TestFiles::kTake || !path.ends_with("_test.rule"));
}

source::Result<std::vector<std::string>> RuleFiles(const std::vector<std::string>& paths, TestFiles tests) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);  // whoever reads it says what is wrong with it
    } else if (absl::Status status = FilesBelow(path, tests, files); !status.ok()) {
      return status;
    }
  }
  std::set<std::string> seen;
  std::erase_if(files, [&](const std::string& file) {
    std::error_code error;
    const fs::path real = fs::weakly_canonical(file, error);
    return !seen.insert(error ? file : real.string()).second;
  });
  return files;
}

}  // namespace sluice
