#include "runtime/alert/scope.h"

#include "compiler/kplan/mitigations.h"
#include "compiler/kplan/model.h"

namespace sluice::alert {
namespace {

eval::Value Get(const eval::Event& event, check::FieldId field) {
  return event.Get({.field = field, .index = -1, .argument = {}});
}

}  // namespace

bool InScope(const ast::Scope& scope, const eval::Event& event) {
  switch (scope.kind) {
    case ast::Scope::Kind::kAll:
      return true;
    case ast::Scope::Kind::kUid: {
      const eval::Value uid = Get(event, check::FieldId::kUserUid);
      return uid.kind == eval::Value::Kind::kNumber && uid.number == static_cast<int64_t>(scope.number);
    }
    case ast::Scope::Kind::kPercent: {
      const eval::Value path = Get(event, check::FieldId::kProcExepath);
      return path.kind == eval::Value::Kind::kString && kplan::Model::BucketOf(path.text) < scope.number;
    }
    case ast::Scope::Kind::kCgroup: {
      const eval::Value own = Get(event, check::FieldId::kThreadCgroups);
      return own.kind == eval::Value::Kind::kString && kplan::IsBelowCgroup(own.text, scope.path);
    }
  }
  return false;
}

}  // namespace sluice::alert
