#include "compiler/check/operand.h"

#include <charconv>
#include <optional>

namespace sluice::check {
namespace {

constexpr HookMask kOnePathHooks = kOpenHooks | kMknodHooks | kUnlinkHooks | kRmdirHooks | kMkdirHooks |
                                   kTruncateHooks | kChmodHooks | kChownHooks | kSetxattrHooks |
                                   kRemovexattrHooks;

constexpr HookMask kServerHooks = kBindHooks | kListenHooks | kAcceptHooks;    // the local end serves
constexpr HookMask kClientHooks = kConnectHooks | kSendHooks | kSysExitHooks;  // the remote end serves
constexpr HookMask kInetHooks = kServerHooks | kClientHooks;

// By FieldId.
const std::vector<std::vector<const Operand*>>& ByField() {
  static const std::vector<std::vector<const Operand*>> index = [] {
    std::vector<std::vector<const Operand*>> by_field(Fields().size());
    for (const Operand& operand : Operands())
      by_field[static_cast<size_t>(operand.field)].push_back(&operand);
    return by_field;
  }();
  return index;
}

// Arguments by position.
struct Order {
  std::string_view type;
  std::string_view names;
};
constexpr Order kOrders[] = {
#define ORDER(type, names) {type, names},
#include "compiler/check/arg_orders.def"
#undef ORDER
};

std::optional<size_t> Position(std::string_view argument) {
  size_t index = 0;
  const char* end = argument.data() + argument.size();
  const auto result = std::from_chars(argument.data(), end, index);
  if (argument.empty() || result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return index;
}

std::string_view CommonName(HookId hook, size_t index) {
  std::optional<std::string_view> common;
  for (const EventRow& row : Events()) {
    if (!row.IsAt(hook)) continue;
    const std::string_view name = ArgNameAt(row.name, index);
    if (common && *common != name) return {};
    common = name;
  }
  return common.value_or("");
}

}  // namespace

const std::vector<Operand>& Operands() {
  static const std::vector<Operand> rows = {
#define OPERAND(field, argument, hooks, kind, place, names) \
  {FieldId::field, argument, hooks, OperandKind::kind, place, Names::names},
#include "compiler/check/operands.def"
#undef OPERAND
  };
  return rows;
}

bool IsAsGiven(const Operand& operand) {
  constexpr HookMask kSecondPaths = kRenameHooks | kLinkHooks | kMoveMountHooks | kSbPivotrootHooks;
  if (operand.kind == OperandKind::kSocketName) return true;
  if (operand.kind != OperandKind::kText) return false;
  return operand.place == SLUICE_STR_TEXT ||
         (operand.place == SLUICE_STR_TARGET && (operand.hooks & ~kSecondPaths) != 0);
}

std::string_view ArgName(const FieldUse& use, HookId hook, EventType type) {
  if (use.field != FieldId::kEvtArg) return {};
  const std::optional<size_t> index = Position(use.argument);
  if (!index) return use.argument;
  return type == kNoType ? CommonName(hook, *index) : ArgNameAt(EventName(type), *index);
}

const Operand* FindOperand(const FieldUse& use, HookId hook, EventType type) {
  if (use.index >= 0) return nullptr;
  const std::string_view argument = ArgName(use, hook, type);
  for (const Operand* operand : ByField()[static_cast<size_t>(use.field)]) {
    if ((operand->hooks >> hook & 1) != 0 && operand->argument == argument) return operand;
  }
  return nullptr;
}

HookMask OperandHooks(FieldId field, std::string_view argument) {
  HookMask hooks = 0;
  for (const Operand& operand : Operands()) {
    if (operand.field == field && operand.argument == argument) hooks |= operand.hooks;
  }
  return hooks;
}

std::string_view ArgNameAt(std::string_view type, size_t index) {
  for (const Order& order : kOrders) {
    if (order.type != type) continue;
    std::string_view rest = order.names;
    for (; index > 0 && !rest.empty(); --index) {
      const size_t blank = rest.find(' ');
      rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
    }
    return rest.substr(0, rest.find(' '));
  }
  return {};
}

}  // namespace sluice::check
