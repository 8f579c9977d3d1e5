#include "runtime/sink/output.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <csignal>

#include "compiler/source/thread.h"
#include "runtime/alert/text.h"
#include "runtime/sink/patience.h"

namespace sluice::sink {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr auto kTend = std::chrono::seconds(1);
constexpr auto kTellAgain = std::chrono::minutes(10);
constexpr auto kTellRefusedAgain = std::chrono::seconds(10);
constexpr auto kPatience = std::chrono::milliseconds(50);  // with a disk, of who asks for the counters
constexpr auto kEnd = std::chrono::seconds(15);            // what is cancelled ends sooner
constexpr auto kHurryLook = std::chrono::milliseconds(200);

int64_t NowNs() { return std::chrono::duration_cast<nanoseconds>(Clock::now().time_since_epoch()).count(); }

// A reader that goes away is an error of write(), not the end of the program; a file that may not grow
// likewise. Blocked here only, where they are raised.
void BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

bool AnyTag(const std::vector<std::string>& wanted, const std::vector<std::string>& tags) {
  return std::any_of(wanted.begin(), wanted.end(), [&tags](const std::string& tag) {
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  });
}

}  // namespace

source::Result<std::unique_ptr<Output>> Output::Open(const config::Output& options, const std::string& folder,
                                                     std::unique_ptr<Destination> destination, Log log) {
  auto store = std::make_unique<Store>(options.name, options.spool.enabled ? folder : std::string(),
                                       options.spool, options.queue);
  std::unique_ptr<Output> output(
      new Output(options, std::move(store), std::move(destination), std::move(log)));
  Output& one = *output;
  one.lacks_spool_ = options.spool.enabled && !one.store_->has_spool();
  source::Status started = source::StartThread(one.writer_, [&one] { one.Write(); });
  if (started.ok()) started = source::StartThread(one.sender_, [&one] { one.Send(); });
  if (!started.ok()) return started;
  return output;
}

Output::Output(const config::Output& options, std::unique_ptr<Store> store,
               std::unique_ptr<Destination> destination, Log log)
    : options_(options),
      log_(std::move(log)),
      store_(std::move(store)),
      destination_(std::move(destination)),
      backoff_(options.retry, std::random_device()()) {
  last_known_.name = options.name;
  if (options.rate_limit) limit_.emplace(*options.rate_limit);
}

Output::~Output() {
  BeginClose(Clock::now());
  Finish();
}

bool Output::Takes(const alert::Alert& alert) const {
  const config::Filter& filter = options_.filter;
  if (alert.priority > filter.priority) return false;
  if (!filter.tags.empty() && !AnyTag(filter.tags, alert.tags)) return false;
  const auto named = [&alert](const std::string& name) {
    return fnmatch(name.c_str(), alert.rule.c_str(), 0) == 0;
  };
  return filter.rules.empty() || std::any_of(filter.rules.begin(), filter.rules.end(), named);
}

void Output::Push(const std::shared_ptr<const alert::Alert>& alert, std::string json) {
  const bool takes = Takes(*alert);
  {
    const std::lock_guard lock(mutex_);
    const bool allowed = takes && (!limit_ || limit_->Allows(NowNs()));
    if (!allowed) {
      ++(takes ? limited_ : filtered_);
      return;
    }
    ++raised_;
    if (closing_ || queue_.size() >= options_.queue) {
      ++lost_;
      return;
    }
    queue_.push_back({alert, std::move(json)});
  }
  wake_.notify_all();
}

// Without a spool the store's memory has a bound, too.
bool Output::WaitForRoom(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, timeout, [this] {
    const uint64_t stored = store_->has_spool() ? 0 : store_->waiting();
    return queue_.size() + in_hand_ + stored < options_.queue;
  });
}

void Output::Write() {
  BlockSignals();
  std::deque<Queued> alerts;
  Time tended = Clock::now();
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_until(lock, tended + kTend, [this] { return closing_ || !queue_.empty(); });
      alerts.swap(queue_);
      in_hand_ = alerts.size();
      last = closing_ && alerts.empty();
    }
    for (; !alerts.empty(); alerts.pop_front()) {
      Queued& next = alerts.front();
      std::string json = next.json.empty() ? alert::ToJson(*next.alert) : std::move(next.json);
      const std::lock_guard books(books_);
      store_->Append(std::move(json));
      const std::lock_guard lock(mutex_);
      --in_hand_;
      wake_.notify_all();
    }
    if (last || Clock::now() >= tended + kTend) {
      store_->Tend();
      wake_.notify_all();  // a spool may be there that was not
      TellDisk();
      TellLosses(last);
      tended = Clock::now();
    }
  }
  const std::lock_guard lock(mutex_);
  written_ = true;
  wake_.notify_all();
}

// False when nothing waits and nothing will come.
bool Output::WaitForAlerts() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return cancel_ || written_ || store_->waiting() > 0; });
  return !cancel_ && (store_->waiting() > 0 || !written_);
}

// False at the end.
bool Output::WaitUntil(Time time) {
  std::unique_lock lock(mutex_);
  const auto hopeless = [this, time] { return cancel_ || (closing_ && time >= deadline_); };
  wake_.wait_until(lock, time, hopeless);
  return !hopeless();
}

void Output::Send() {
  BlockSignals();
  while (WaitForAlerts()) {
    const size_t most = one_by_one_ > 0 ? 1 : options_.batch_size;
    source::Result<Batch> next = store_->Next(most);
    if (next.ok() && !next->empty() && next->size() < most && options_.batch_wait_ns > 0 &&
        failures_in_a_row_ == 0) {
      store_->Done(0);
      Linger(most);
      next = store_->Next(most);
    }
    if (next.ok() && next->empty()) {  // the disk spoiled all that seemed to wait
      store_->Done(0);
      if (!WaitUntil(Clock::now() + kTend)) break;
      continue;
    }
    const Batch batch = next.ok() ? std::move(*next) : Batch();
    const std::string fault(next.status().message().data(), next.status().message().size());
    const std::optional<int64_t> wait_ns =
        Account(batch, next.ok() ? destination_->Deliver(batch, cancel_) : Outcome::Failed(fault));
    if (wait_ns && !WaitUntil(Clock::now() + nanoseconds(*wait_ns))) break;
  }
  const std::lock_guard lock(mutex_);
  sent_ = true;
  wake_.notify_all();
}

// More may come: one larger delivery instead of several.
void Output::Linger(size_t most) {
  const Time until = Clock::now() + nanoseconds(options_.batch_wait_ns);
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, until, [this, most] { return written_ || cancel_ || store_->waiting() >= most; });
}

// What became of a batch; after a failure, how long to wait.
std::optional<int64_t> Output::Account(const Batch& batch, const Outcome& outcome) {
  using Kind = Outcome::Kind;
  const size_t delivered = outcome.kind == Kind::kDelivered ? batch.size() : outcome.delivered;
  const bool dead = outcome.kind == Kind::kRefused && batch.size() == 1;
  bool kept = false;
  {
    const std::lock_guard books(books_);
    ++attempts_;
    delivered_ += delivered;
    failing_ = outcome.kind == Kind::kFailed;
    if (outcome.kind != Kind::kDelivered) ++attempts_failed_;
    if (dead)
      kept = store_->Refused(batch.front(), outcome.reason);
    else
      store_->Done(delivered);
  }
  wake_.notify_all();
  one_by_one_ -= std::min(one_by_one_, dead ? 1 : delivered);
  if (outcome.kind == Kind::kFailed) {
    const int64_t wait_ns = backoff_.Failed(outcome.retry_after_ns);
    ++failures_in_a_row_;
    if (!cancel_) TellFailure(outcome.reason, wait_ns);
    return wait_ns;
  }
  if (failures_in_a_row_ > 0) {
    log_(Severity::kInfo,
         fmt::format("output `{}` delivers again, after {} failures", options_.name, failures_in_a_row_));
  }
  failures_in_a_row_ = 0;
  backoff_.Worked();
  if (dead) {
    TellRefused(outcome.reason, kept);
  } else if (outcome.kind == Kind::kRefused) {
    one_by_one_ = batch.size() - delivered;
  }
  return std::nullopt;
}

void Output::TellFailure(const std::string& reason, int64_t wait_ns) {
  const Time now = Clock::now();
  if (failures_in_a_row_ > 1 && now < told_failure_ + kTellAgain) return;
  told_failure_ = now;
  log_(Severity::kWarning,
       fmt::format("output `{}` cannot deliver: {}; {} waiting, next attempt in {:.1f} s", options_.name,
                   alert::Printable(reason), store_->waiting(), static_cast<double>(wait_ns) / 1e9));
}

void Output::TellRefused(const std::string& reason, bool kept) {
  ++refused_untold_;
  const Time now = Clock::now();
  if (told_refused_ != Time() && now < told_refused_ + kTellRefusedAgain) return;
  told_refused_ = now;
  const uint64_t alerts = std::exchange(refused_untold_, 0);
  log_(Severity::kWarning,
       fmt::format("output `{}`: {} refused ({}); {}", options_.name,
                   alerts == 1 ? "an alert was" : fmt::format("{} alerts were", alerts),
                   alert::Printable(reason),
                   kept                     ? "see its dead-letter file"
                   : options_.spool.enabled ? "the dead-letter file takes no more, so it is lost"
                                            : "without a spool there is no dead-letter file: lost"));
}

void Output::TellDisk() {
  const std::string fault = store_->TakeFault();
  const Time now = Clock::now();
  const bool lacked_spool = std::exchange(lacks_spool_, options_.spool.enabled && !store_->has_spool());
  if (lacked_spool && !lacks_spool_)
    log_(Severity::kInfo, fmt::format("output `{}`: its spool can be used now", options_.name));
  std::erase_if(told_disk_, [now](const auto& told) { return now >= told.second + kTellAgain; });
  if (fault.empty() || !told_disk_.emplace(fault, now).second) return;
  log_(Severity::kError, fmt::format("output `{}`: {}", options_.name, alert::Printable(fault)));
}

// When it begins, every kTellAgain, and at the end.
void Output::TellLosses(bool last) {
  Losses fresh = store_->TakeLosses();
  {
    const std::lock_guard lock(mutex_);
    const uint64_t lost = lost_ - std::exchange(lost_told_, lost_);
    if (lost > 0) fresh.reason = "the queue in memory is full";
    losses_.lost += fresh.lost + lost;
  }
  losses_.dead_lettered += fresh.dead_lettered;
  if (!fresh.reason.empty()) losses_.reason = std::move(fresh.reason);
  const Time now = Clock::now();
  if (losses_.reason.empty() || (!last && told_losses_ != Time() && now < told_losses_ + kTellAgain)) return;
  told_losses_ = now;
  const Losses told = std::exchange(losses_, {});
  log_(Severity::kError,
       fmt::format("output `{}`: alerts lost: {}{}; the last because {}", options_.name, told.lost,
                   told.dead_lettered == 0
                       ? std::string()
                       : fmt::format(", put into its dead-letter file: {}", told.dead_lettered),
                   told.reason));
}

// A disk that stalls holds nobody up: what was known last is told then.
OutputStats Output::stats() const {
  const std::unique_lock<std::mutex> books = LockWithin(books_, kPatience);
  const std::optional<StoreCounts> store = books.owns_lock() ? store_->counts(kPatience) : std::nullopt;
  const std::lock_guard lock(mutex_);
  if (!store) return last_known_;
  last_known_ = {.name = options_.name,
                 .raised = raised_,
                 .filtered = filtered_,
                 .limited = limited_,
                 .recovered = store->recovered,
                 .delivered = delivered_,
                 .waiting = queue_.size() + in_hand_ + store->waiting,
                 .dead_lettered = store->dead_lettered,
                 .lost = lost_ + store->lost,
                 .attempts = attempts_,
                 .failures = attempts_failed_,
                 .spool_bytes = store->spool_bytes,
                 .failing = failing_ || (options_.spool.enabled && !store_->has_spool())};
  return last_known_;
}

void Output::BeginClose(Time deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    deadline_ = deadline;
    drain_ = std::max(nanoseconds(0), nanoseconds(deadline - Clock::now()));
    delivered_before_close_ = delivered_;
  }
  wake_.notify_all();
}

OutputStats Output::Finish() {
  if (!writer_.joinable()) return stats();
  {
    std::unique_lock lock(mutex_);
    uint64_t seen = delivered_before_close_;
    while (!wake_.wait_until(lock, std::min<Time>(deadline_, Clock::now() + kHurryLook),
                             [this] { return sent_; })) {
      if (hurry_) break;
      if (Clock::now() < deadline_) continue;
      const uint64_t delivered = delivered_;
      if (store_->has_spool() || delivered == seen) break;
      seen = delivered;
      deadline_ = Clock::now() + drain_;
    }
    cancel_ = true;
    wake_.notify_all();
    const bool none = !sender_.joinable();  // it could not be started
    // Of several outputs each has its own drain, and all of them one end.
    const Time end = std::max<Time>(Clock::now() + std::chrono::seconds(1),
                                    std::min<Time>(deadline_, Clock::now()) + kEnd);
    hangs_ = !wake_.wait_until(lock, end, [this, none] { return written_ && (sent_ || none); });
  }
  if (hangs_) {
    log_(Severity::kError,
         fmt::format("output `{}` hangs in a call of the system and is left behind; {} waiting",
                     options_.name, store_->waiting()));
    if (sender_.joinable()) sender_.detach();
    writer_.detach();
    return stats();
  }
  if (sender_.joinable()) sender_.join();
  writer_.join();
  store_->Close();
  TellDisk();
  TellLosses(true);
  return stats();
}

}  // namespace sluice::sink
