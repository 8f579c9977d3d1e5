#include "runtime/loss_watch.h"

#include <fmt/format.h>

#include "runtime/alert/own.h"

namespace sluice {
namespace {

constexpr const char* kLineage = "lineage";  // fork, exec and exit records
constexpr const char* kUndecodable = "undecodable";

alert::OutputField Number(std::string name, uint64_t number) {
  return alert::NumberField(std::move(name), static_cast<int64_t>(number));
}

}  // namespace

std::optional<alert::Alert> LossWatch::Look(int64_t now_ns, const std::vector<load::HookCounters>& counters,
                                            const EngineStats& stats, const alert::Host& host) {
  if (last_ns_ && now_ns - *last_ns_ < kQuietNs) return std::nullopt;
  std::map<std::string, uint64_t> lost;
  for (const load::HookCounters& row : counters) lost[row.hook] += row.stats.lost;
  lost[kLineage] = stats.tree_records_lost;
  lost[kUndecodable] = stats.undecodable;

  alert::Alert alert = alert::Own("events lost", ast::Priority::kCritical, "loss", host, now_ns);
  uint64_t events = 0;
  std::string where;
  for (const auto& [hook, total] : lost) {
    const uint64_t fresh = total - std::min(total, told_[hook]);
    if (fresh == 0) continue;
    events += fresh;
    where += fmt::format("{}{}={}", where.empty() ? "" : " ", hook, fresh);
    alert.fields.push_back(Number("lost." + hook, fresh));
  }
  if (events == 0) return std::nullopt;
  last_ns_ = now_ns;
  told_ = std::move(lost);

  alert.output = fmt::format(
      "{} events were lost, for the ring buffer was full or their "
      "records do not parse (undecodable): alerts may be missing | {}",
      events, where);
  return alert;
}

alert::Alert Unattended(const std::map<std::string, uint64_t>& by_hook, const alert::Host& host,
                        int64_t now_ns) {
  alert::Alert alert =
      alert::Own("mitigations without an agent", ast::Priority::kCritical, "unattended", host, now_ns);
  uint64_t calls = 0;
  std::string where;
  for (const auto& [hook, count] : by_hook) {
    calls += count;
    where += fmt::format("{}{}={}", where.empty() ? "" : " ", hook, count);
    alert.fields.push_back(Number("unattended." + hook, count));
  }
  alert.output = fmt::format(
      "{} calls were refused or killed by pinned mitigations while no agent ran, or before it could read of "
      "them: nothing else was watched | {}",
      calls, where);
  return alert;
}

}  // namespace sluice
