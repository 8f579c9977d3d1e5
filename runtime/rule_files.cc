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

// Each folder once, however many links lead to it, so that links in a circle end.
class Walk {
 public:
  explicit Walk(TestFiles tests) : tests_(tests) {}

  absl::Status Take(const fs::path& folder) {
    std::error_code error;
    if (!seen_.insert(fs::canonical(folder, error)).second) return absl::OkStatus();
    std::set<fs::path> entries;  // in order, so that it is the same name each time
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      entries.insert(at->path());
    }
    if (error) return Fault(folder, error);
    for (const fs::path& entry : entries) {
      if (absl::Status status = TakeEntry(entry); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::vector<std::string> Found() {
    std::sort(found_.begin(), found_.end());
    return std::move(found_);
  }

 private:
  // A name that begins with a dot is an editor's lock or what a config map keeps for itself.
  absl::Status TakeEntry(const fs::path& entry) {
    std::error_code error, no_link;
    const fs::file_status file = fs::status(entry, error);
    const fs::file_type itself = fs::symlink_status(entry, no_link).type();
    const bool hidden_link = itself == fs::file_type::symlink && entry.filename().native().front() == '.';
    if (fs::is_directory(file)) return hidden_link ? absl::OkStatus() : Take(entry);
    if (fs::is_regular_file(file) && IsRuleFile(entry.native(), tests_)) found_.push_back(entry);
    if (fs::exists(file) || hidden_link || itself == fs::file_type::not_found) return absl::OkStatus();
    if (itself != fs::file_type::symlink) return Fault(entry, error);
    const fs::path target = fs::read_symlink(entry, no_link);
    const std::string link = fmt::format("{}, a link to {}", entry.native(), target.native());
    return Fault(link, error ? error : std::make_error_code(std::errc::no_such_file_or_directory));
  }

  const TestFiles tests_;
  std::set<fs::path> seen_;
  std::vector<std::string> found_;
};

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
      continue;
    }
    Walk walk(tests);
    if (absl::Status status = walk.Take(path); !status.ok()) return status;
    const std::vector<std::string> found = walk.Found();
    files.insert(files.end(), found.begin(), found.end());
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
