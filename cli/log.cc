#include "cli/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace sluice::cli {
namespace {

// JOURNAL_STREAM says which device and inode lead there.
bool JournalReadsStderr() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

// As sd-daemon(3) has it: 3 error, 4 warning, 6 informational.
class PriorityFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    out.push_back(message.level >= spdlog::level::err    ? '3'
                  : message.level == spdlog::level::warn ? '4'
                                                         : '6');
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PriorityFlag>(); }
};

std::shared_ptr<spdlog::logger> MakeLogger() {
  auto logger = std::make_shared<spdlog::logger>("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto format = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  format->add_flag<PriorityFlag>('*').set_pattern(JournalReadsStderr() ? "<%*>%v"
                                                                       : "%Y-%m-%dT%H:%M:%S.%eZ %n: %l: %v");
  logger->set_formatter(std::move(format));
  logger->set_error_handler([](const std::string&) {});  // nobody reads stderr
  return logger;
}

}  // namespace

void Log(Severity severity, std::string_view text) {
  static const std::shared_ptr<spdlog::logger> kLogger = MakeLogger();
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::info, spdlog::level::warn,
                                                   spdlog::level::err};
  kLogger->log(kLevels[static_cast<size_t>(severity)], spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace sluice::cli
