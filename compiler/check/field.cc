#include "compiler/check/field.h"

#include <algorithm>
#include <unordered_map>

#include "compiler/check/operand.h"

namespace sluice::check {
namespace {

template <typename Row>
std::unordered_map<std::string_view, const Row*> IndexByName(const std::vector<Row>& rows) {
  std::unordered_map<std::string_view, const Row*> index;
  for (const Row& row : rows) index.emplace(row.name, &row);
  return index;
}

template <typename Row>
const Row* FindIn(const std::unordered_map<std::string_view, const Row*>& index, std::string_view name) {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}

// Fields whose argument is written after a dot. The bracket is accepted as well.
constexpr FieldId kDotted[] = {FieldId::kEvtArg,       FieldId::kEvtRawarg,  FieldId::kEvtTypeIs,
                               FieldId::kThreadCgroup, FieldId::kEvtAbspath, FieldId::kEvtAround,
                               FieldId::kK8sPodLabel,  FieldId::kK8sNsLabel, FieldId::kK8sRcLabel,
                               FieldId::kK8sSvcLabel,  FieldId::kK8sRsLabel, FieldId::kK8sDeploymentLabel};

bool IsDotted(FieldId id) {
  return std::find(std::begin(kDotted), std::end(kDotted), id) != std::end(kDotted);
}

bool IsNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// -1 when it is no number or too large.
int32_t ParseIndex(std::string_view text) {
  if (!IsNumber(text) || text.size() > 9) return -1;
  int32_t value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  return value <= kMaxFieldIndex ? value : -1;
}

// The row whose name is the longest dotted prefix of `name`, and the rest after the dot.
const FieldRow* FindDotted(std::string_view name, std::string_view& rest) {
  for (size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = name.rfind('.', dot - 1)) {
    const FieldRow* row = FindField(name.substr(0, dot));
    if (row != nullptr) {
      rest = name.substr(dot + 1);
      return IsDotted(row->id) && !rest.empty() ? row : nullptr;
    }
  }
  return nullptr;
}

FieldFault TakeKey(const FieldRow& row, std::string_view argument, FieldUse& use) {
  if (row.id == FieldId::kEvtArg || row.id == FieldId::kEvtRawarg) {
    if (!IsNumber(argument) && FindArg(argument) == nullptr) return FieldFault::kUnknownArg;
  }
  if (row.id == FieldId::kProcAenv && IsNumber(argument)) {  // [2] is a level, [NAME] a variable
    use.index = ParseIndex(argument);
    return use.index < 0 ? FieldFault::kArgumentNotANumber : FieldFault::kNone;
  }
  use.argument = argument;
  return FieldFault::kNone;
}

bool IsText(Type type) { return type == Type::kString || type == Type::kPath; }

// Whether the value itself is what Falco has: of a text, a number, and names and bits that Falco numbers as the kernel does.
bool IsRaw(const Operand& operand, Type type) {
  switch (operand.kind) {
    case OperandKind::kText:
      return IsText(type);
    case OperandKind::kDecimal:
    case OperandKind::kHex:
      return !IsText(type);
    case OperandKind::kName:
      return operand.names == Names::kSignals || operand.names == Names::kDomains ||
             operand.names == Names::kBpfCommands;
    case OperandKind::kFlags:
      return operand.names == Names::kMode;
    default:
      return false;
  }
}

// Where evt.rawarg.NAME is supplied. Bits that Falco numbers in its own way are not.
HookMask RawHooks(std::string_view name) {
  const ArgRow* arg = FindArg(name);
  if (arg == nullptr) return 0;
  const bool raw = IsText(arg->type) || arg->type == Type::kInt || name == "mode";
  HookMask hooks = raw ? arg->hooks & ~OperandHooks(FieldId::kEvtArg, name) : 0;
  for (const Operand& operand : Operands()) {
    if (operand.field == FieldId::kEvtArg && operand.argument == name && IsRaw(operand, arg->type))
      hooks |= operand.hooks;
  }
  return hooks;
}

}  // namespace

const std::vector<FieldRow>& Fields() {
  static const std::vector<FieldRow> rows = [] {
    std::vector<FieldRow> made = {
#define FIELD(id, name, type, shape, argument, hooks, help) \
  {FieldId::id, name, Type::type, Shape::shape, Argument::argument, hooks, help},
#include "compiler/check/fields.def"
#undef FIELD
    };
    for (FieldRow& row : made) row.hooks |= OperandHooks(row.id, "");
    return made;
  }();
  return rows;
}

const FieldRow& RowOf(FieldId id) { return Fields()[static_cast<size_t>(id)]; }

bool IsHostName(FieldId id) {
  return id == FieldId::kFdCipName || id == FieldId::kFdSipName || id == FieldId::kFdLipName ||
         id == FieldId::kFdRipName;
}

const FieldRow* FindField(std::string_view name) {
  static const auto index = IndexByName(Fields());
  return FindIn(index, name);
}

const std::vector<ArgRow>& Args() {
  static const std::vector<ArgRow> rows = [] {
    std::vector<ArgRow> made = {
#define ARG(name, type, hooks) {name, Type::type, hooks},
#include "compiler/check/args.def"
#undef ARG
    };
    for (ArgRow& row : made) row.hooks |= OperandHooks(FieldId::kEvtArg, row.name);
    return made;
  }();
  return rows;
}

const ArgRow* FindArg(std::string_view name) {
  static const auto index = IndexByName(Args());
  return FindIn(index, name);
}

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kString:
      return "string";
    case Type::kPath:
      return "path";
    case Type::kBytes:
      return "bytes";
    case Type::kInt:
      return "integer";
    case Type::kFlags:
      return "flags";
    case Type::kBool:
      return "boolean";
    case Type::kTime:
      return "time";
    case Type::kDouble:
      return "real number";
    case Type::kPort:
      return "port";
    case Type::kAddress:
      return "address";
    case Type::kNet:
      return "net";
  }
  return "";
}

Shape FieldUse::shape() const {
  const Shape shape = RowOf(field).shape;
  if (shape == Shape::kAny && (index >= 0 || !argument.empty())) return Shape::kScalar;
  return shape;
}

Type FieldUse::type() const {
  const ArgRow* arg = field == FieldId::kEvtRawarg ? FindArg(argument) : nullptr;
  return arg != nullptr ? arg->type : RowOf(field).type;
}

HookMask FieldUse::hooks() const {
  const FieldRow& row = RowOf(field);
  if (field == FieldId::kEvtRawarg) return RawHooks(argument);
  if (field != FieldId::kEvtArg || IsNumber(argument)) return row.hooks;  // evt.arg[0] depends on the type
  const ArgRow* arg = FindArg(argument);
  return arg != nullptr ? row.hooks & arg->hooks : 0;
}

std::string FieldUse::Name() const {
  std::string name(RowOf(field).name);
  if (index >= 0) return name + "[" + std::to_string(index) + "]";
  if (argument.empty()) return name;
  if (IsDotted(field) && !IsNumber(argument)) return name + "." + argument;
  const bool quote = argument.find_first_of("[]\"' \t") != std::string::npos;
  const char* mark = !quote ? "" : argument.find('"') == std::string::npos ? "\"" : "'";
  return name + "[" + mark + argument + mark + "]";
}

FieldFault ResolveField(std::string_view name, std::optional<std::string_view> argument, FieldUse& use) {
  use = {};
  const FieldRow* row = FindField(name);
  if (row == nullptr) {
    std::string_view rest;
    row = FindDotted(name, rest);
    if (row == nullptr) return FieldFault::kUnknownField;
    if (argument) return FieldFault::kArgumentNotAllowed;
    argument = rest;
  }
  use.field = row->id;
  switch (row->argument) {
    case Argument::kNone:
      return argument ? FieldFault::kArgumentNotAllowed : FieldFault::kNone;
    case Argument::kIndexOptional:
    case Argument::kIndexRequired:
      if (!argument) break;
      use.index = ParseIndex(*argument);
      return use.index < 0 ? FieldFault::kArgumentNotANumber : FieldFault::kNone;
    case Argument::kKeyOptional:
    case Argument::kKeyRequired:
      if (argument && !argument->empty()) return TakeKey(*row, *argument, use);
      break;
  }
  const bool required = row->argument == Argument::kIndexRequired || row->argument == Argument::kKeyRequired;
  return required || argument ? FieldFault::kArgumentMissing : FieldFault::kNone;
}

std::optional<FieldUse> ParseFieldUse(std::string_view text) {
  FieldUse use;
  const size_t open = text.find('[');
  if (open == std::string_view::npos) {
    if (ResolveField(text, std::nullopt, use) != FieldFault::kNone) return std::nullopt;
    return use;
  }
  if (text.back() != ']') return std::nullopt;
  std::string_view argument = text.substr(open + 1, text.size() - open - 2);
  const bool quoted =
      argument.size() >= 2 && (argument[0] == '"' || argument[0] == '\'') && argument.back() == argument[0];
  if (quoted) argument = argument.substr(1, argument.size() - 2);
  if (ResolveField(text.substr(0, open), argument, use) != FieldFault::kNone) return std::nullopt;
  return use;
}

}  // namespace sluice::check
