#include "runtime/sets.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/alert/own.h"

namespace sluice {
namespace {

// As a word in a list; nothing when the whole value is not known.
std::optional<std::string> WordOf(const eval::Value& value) {
  switch (value.kind) {
    case eval::Value::Kind::kString:
      if (value.truncated || value.text.empty()) return std::nullopt;
      return std::string(value.text);
    case eval::Value::Kind::kNumber:
      return std::to_string(value.number);
    case eval::Value::Kind::kNet:
      return alert::ValueText(value, check::Shape::kScalar);
    default:
      return std::nullopt;
  }
}

}  // namespace

void Sets::Add(const check::CheckedRule& rule, const eval::Event& event, uint64_t now_ns) {
  if (!rule.then_field) return;
  std::optional<std::string> word = WordOf(event.Get(*rule.then_field));
  if (!word) return;
  const uint64_t period_ns = rule.rule.then->period_ns;
  const uint64_t until_ns = period_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + period_ns;
  const auto set = members_.find(rule.rule.then->set.text);
  if (set != members_.end()) {
    if (const auto known = set->second.find(*word); known != set->second.end()) {
      known->second = std::max(known->second, until_ns);
      return;
    }
  }
  if (count_ >= kMostMembers || word->size() > kMostBytes || word->find('\0') != std::string::npos) {
    ++refused_;
    return;
  }
  members_[rule.rule.then->set.text].emplace(*std::move(word), until_ns);
  ++count_;
  earliest_ns_ = std::min(earliest_ns_, until_ns);
  changed_ = true;
}

void Sets::Expire(uint64_t now_ns) {
  if (now_ns < earliest_ns_) return;
  earliest_ns_ = UINT64_MAX;
  for (auto set = members_.begin(); set != members_.end();) {
    const size_t gone =
        std::erase_if(set->second, [&](const auto& member) { return member.second <= now_ns; });
    count_ -= gone;
    changed_ = changed_ || gone != 0;
    for (const auto& [word, until_ns] : set->second) earliest_ns_ = std::min(earliest_ns_, until_ns);
    set = set->second.empty() ? members_.erase(set) : std::next(set);
  }
}

alert::Alert SetsFull(uint64_t members, const alert::Host& host, int64_t now_boot_ns) {
  alert::Alert alert = alert::Own("set is full", ast::Priority::kCritical, "set", host, now_boot_ns);
  alert.output = fmt::format(
      "{} values were not added by `then`: sets hold {} members, of at most {} bytes each, and what they "
      "should refuse passes",
      members, Sets::kMostMembers, Sets::kMostBytes);
  return alert;
}

alert::Alert SetsNotInForce(const source::Status& why, const alert::Host& host, int64_t now_boot_ns) {
  alert::Alert alert = alert::Own("sets not in force", ast::Priority::kCritical, "set", host, now_boot_ns);
  const std::string_view text(why.message().data(), why.message().size());
  alert.output = fmt::format(
      "the rules could not be made with the values that `then` has "
      "added, and go by those from before; tried again until it works: {}",
      text);
  alert.fields.push_back(alert::TextField("set.error", std::string(text)));
  return alert;
}

check::SetMembers Sets::Take() {
  check::SetMembers taken;
  for (const auto& [set, members] : members_) {
    for (const auto& [word, until_ns] : members) taken[set].push_back(word);
  }
  changed_ = false;
  return taken;
}

}  // namespace sluice
