#include "runtime/enforcement.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/diag/diag.h"
#include "runtime/alert/own.h"

namespace sluice {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

alert::Alert FuseAlert(const MitigationState& rule, bool blown, int64_t now_ns, const alert::Host& host) {
  alert::Alert alert =
      alert::Own(blown ? "fuse blown" : "fuse armed again",
                 blown ? ast::Priority::kCritical : ast::Priority::kNotice, "fuse", host, now_ns);
  alert.fields.push_back(alert::TextField("fuse.rule", rule.rule));
  return alert;
}

bool Names(const check::Condition& condition, const check::CheckedRules& rules, const std::string& path) {
  if (condition.kind == check::Condition::Kind::kPredicate) {
    const std::vector<check::Value>& values = rules.predicates[condition.predicate].values;
    return std::any_of(values.begin(), values.end(),
                       [&](const check::Value& value) { return value.text == path; });
  }
  return std::any_of(condition.children.begin(), condition.children.end(),
                     [&](const check::Condition& child) { return Names(child, rules, path); });
}

std::string RulesThatName(const std::string& path, const check::CheckedRules& rules) {
  std::string names;
  for (const check::CheckedRule& rule : rules.rules) {
    if (rule.rule.action == ast::Action::kAlert || !Names(rule.condition, rules, path)) continue;
    names += fmt::format("{}`{}`", names.empty() ? "" : ", ", rule.rule.name.text);
  }
  return names;
}

// Of a path that the rules called `names` name.
alert::Alert PathAlert(std::string_view what, std::string_view topic, const std::string& path,
                       const std::string& names, const alert::Host& host, int64_t now_ns) {
  alert::Alert alert = alert::Own(what, ast::Priority::kWarning, topic, host, now_ns);
  alert.id += "-" + path;
  alert.fields.push_back(alert::TextField("fs.path.name", path));
  alert.fields.push_back(alert::TextField("mitigation.rules", names));
  return alert;
}

}  // namespace

void Enforcement::Prepare(kplan::KernelPlan& plan) const {
  for (kplan::Mitigation& mitigation : plan.mitigations) {
    const auto switched = switched_.find(mitigation.name);
    if (switched != switched_.end()) mitigation.audited = switched->second;
  }
}

void Enforcement::Activate(const kplan::KernelPlan& plan) {
  state_.rules.clear();
  fuses_.clear();
  for (const kplan::Mitigation& mitigation : plan.mitigations) {
    MitigationState& row = state_.rules.emplace_back();
    row.rule = mitigation.name;
    row.audited = mitigation.audited;
    row.switched = switched_.count(mitigation.name) != 0;
    row.blown = mitigation.bounds.blown;  // of the same rules, with other members of sets
    row.refused = mitigation.bounds.refused;
    row.disarmed_until_ns = static_cast<int64_t>(mitigation.bounds.disarmed_until_ns);
    fuses_.push_back({.count = mitigation.bounds.fuse_count,
                      .period_ns = mitigation.bounds.fuse_period_ns,
                      .of_processes = mitigation.bounds.fuse_processes != 0,
                      .told = row.disarmed_until_ns != 0});
  }
}

source::Result<std::string> Enforcement::Switch(const AuditRequest& request, const SetMode& set_mode) {
  if (!request.rule) {
    if (source::Status set = set_mode(std::nullopt, request.on); !set.ok()) return set;
    state_.audit_all = request.on;
    const auto audited = std::count_if(state_.rules.begin(), state_.rules.end(),
                                       [](const MitigationState& row) { return row.audited; });
    return request.on ? fmt::format("audit: nothing is refused any more ({} rules that deny or kill)",
                                    state_.rules.size())
                      : fmt::format(
                            "enforced: {} of {} rules that deny or kill; {} stay in audit by themselves",
                            state_.rules.size() - static_cast<size_t>(audited), state_.rules.size(), audited);
  }
  std::vector<std::string_view> names;
  for (uint32_t i = 0; i < state_.rules.size(); ++i) {
    MitigationState& row = state_.rules[i];
    names.push_back(row.rule);
    if (row.rule != *request.rule) continue;
    if (source::Status set = set_mode(i, request.on); !set.ok()) return set;
    row.audited = request.on;
    row.switched = true;
    switched_[row.rule] = request.on;
    return fmt::format(
        "{}: `{}`{}", request.on ? "audit" : "enforced", row.rule,
        !request.on && state_.audit_all ? ", once `sluice audit off` ends the audit of all" : "");
  }
  const std::string nearest = diag::Nearest(*request.rule, names);
  return absl::NotFoundError(
      fmt::format("no active rule that denies or kills is called `{}`{}", *request.rule,
                  nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)));
}

std::vector<alert::Alert> Enforcement::Look(int64_t now_ns, const std::vector<sluice_mitigation>& rows,
                                            const alert::Host& host) {
  std::vector<alert::Alert> alerts;
  for (size_t i = 0; i < std::min(rows.size(), state_.rules.size()); ++i) {
    MitigationState& row = state_.rules[i];
    Fuse& fuse = fuses_[i];
    const bool fresh = rows[i].blown > row.blown;
    row.refused = rows[i].refused;
    row.blown = rows[i].blown;
    row.disarmed_until_ns = static_cast<int64_t>(rows[i].disarmed_until_ns);
    if (fresh) {
      alert::Alert& alert = alerts.emplace_back(FuseAlert(row, true, now_ns, host));
      const int64_t left_s = std::max<int64_t>(0, row.disarmed_until_ns - now_ns + kSecondNs - 1) / kSecondNs;
      alert.output = fmt::format(
          "`{}` refused more than {}{} within {} s: it is disarmed and only audits; armed again in {} s or "
          "at a reload",
          row.rule, fuse.count, fuse.of_processes ? " processes" : " times",
          static_cast<double>(fuse.period_ns) / kSecondNs, left_s);
      alert.fields.push_back(alert::NumberField("fuse.limit", static_cast<int64_t>(fuse.count)));
      alert.fields.push_back(alert::NumberField("fuse.refused", static_cast<int64_t>(row.refused)));
      fuse.told = true;
    }
    if (!fuse.told || now_ns < row.disarmed_until_ns) continue;
    fuse.told = false;
    alerts.push_back(FuseAlert(row, false, now_ns, host));
    alerts.back().output = fmt::format("`{}` is armed again", row.rule);
  }
  return alerts;
}

alert::Alert TooManyNames(const std::string& path, const check::CheckedRules& rules, const alert::Host& host,
                          int64_t now_ns) {
  const std::string names = RulesThatName(path, rules);
  alert::Alert alert = PathAlert("too many names of a file", "names", path, names, host, now_ns);
  alert.output = fmt::format(
      "the file {} is named by more than {} paths of the rules: by {} this path is "
      "protected, but not the file under other names; let the rules name fewer of its paths",
      path, SLUICE_FILE_NAMES, names.empty() ? "the rules" : names);
  return alert;
}

alert::Alert TooManyFiles(const std::string& path, const check::CheckedRules& rules, const alert::Host& host,
                          int64_t now_ns) {
  const std::string names = RulesThatName(path, rules);
  alert::Alert alert = PathAlert("too many files of a path", "files", path, names, host, now_ns);
  alert.output = fmt::format(
      "so many files have been at {}, which {} names, that the oldest are forgotten: by this path "
      "all are protected, under other names the newest; somebody links or renames files there",
      path, names.empty() ? "a rule" : names);
  return alert;
}

alert::Alert FilesNotLookedUp(const source::Status& why, const alert::Host& host, int64_t now_ns) {
  alert::Alert alert = alert::Own("files not looked up", ast::Priority::kError, "files", host, now_ns);
  alert.output = fmt::format(
      "files that came to the rules' exact paths unseen may be known by these paths alone; tried again every "
      "second: {}",
      std::string_view(why.message().data(), why.message().size()));
  return alert;
}

}  // namespace sluice
