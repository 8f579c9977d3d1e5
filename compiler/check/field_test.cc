#include "compiler/check/field.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "compiler/check/operators.h"
#include "compiler/check/type_set.h"

namespace sluice::check {
namespace {

TEST(Fields, NamesAndIdsAreUniqueAndInOrder) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < Fields().size(); ++i) {
    const FieldRow& row = Fields()[i];
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(static_cast<size_t>(row.id), i);
    EXPECT_EQ(FindField(row.name), &row);
    EXPECT_FALSE(row.help.empty()) << row.name;
    EXPECT_EQ(row.hooks & ~kAllHooks, 0u) << row.name;
  }
}

TEST(Fields, EverySupplyingHookIsInTheTable) {
  for (const ArgRow& row : Args()) EXPECT_EQ(row.hooks & ~kAllHooks, 0u) << row.name;
  for (const HookRow& row : Hooks()) EXPECT_NE(kAllHooks & MaskOf(row.id), 0u) << row.name;
}

TEST(Fields, AUseIsPrintedAsItIsRead) {
  for (const char* text :
       {"proc.name", "proc.aname", "proc.aname[2]", "evt.arg.flags", "evt.arg[0]", "proc.env[PATH]",
        "proc.env[\"A B\"]", "evt.type.is.open", "evt.rawarg.res", "thread.cgroup.cpu", "proc.aenv[3]",
        "proc.aenv[HOME]", "container.mount.dest[/proc*]", "fd.types[1]", "k8s.pod.label.app"}) {
    const std::optional<FieldUse> use = ParseFieldUse(text);
    ASSERT_TRUE(use) << text;
    EXPECT_EQ(use->Name(), text);
  }
}

TEST(Fields, BracketAndDotNameTheSameArgument) {
  EXPECT_EQ(ParseFieldUse("evt.arg[flags]"), ParseFieldUse("evt.arg.flags"));
}

TEST(Fields, WhatIsNoUseOfAField) {
  for (const char* text : {"", "proc", "proc.nam", "proc.name[1]", "proc.aname[x]", "proc.aname[-1]",
                           "proc.aname[65536]", "proc.aname[]", "proc.aname[2", "evt.arg", "evt.arg.nosuch",
                           "evt.arg.", ".", "proc.name.x", "evt.arg.flags[1]", "proc.env[]"}) {
    EXPECT_FALSE(ParseFieldUse(text)) << text;
  }
}

TEST(Fields, AnAncestorIsOneValueAndAllAncestorsAreSeveral) {
  EXPECT_EQ(ParseFieldUse("proc.aname")->shape(), Shape::kAny);
  EXPECT_EQ(ParseFieldUse("proc.aname[0]")->shape(), Shape::kScalar);
  EXPECT_EQ(ParseFieldUse("proc.aenv[HOME]")->shape(), Shape::kScalar);
  EXPECT_EQ(ParseFieldUse("fd.ip")->shape(), Shape::kEither);
  EXPECT_EQ(ParseFieldUse("fd.types[1]")->shape(), Shape::kList);
}

TEST(Fields, AnArgumentIsSuppliedWhereItsEventIs) {
  EXPECT_EQ(ParseFieldUse("evt.arg.filename")->hooks(), kExecHooks | kChmodHooks);
  EXPECT_EQ(ParseFieldUse("evt.arg.backlog")->hooks(), 0u);
  EXPECT_EQ(ParseFieldUse("evt.rawarg.flags")->type(), Type::kFlags);
  EXPECT_EQ(ParseFieldUse("evt.rawarg.name")->type(), Type::kPath);
  EXPECT_EQ(ParseFieldUse("evt.arg.flags")->type(), Type::kString);
}

TEST(Events, TypesAreRowsAndEachHasOneHook) {
  std::set<std::string_view> names;
  for (const EventRow& row : Events()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(FindEvent(row.name), row.type);
    EXPECT_EQ(EventName(row.type), row.name);
    EXPECT_EQ(row.hooks & ~kAllHooks, 0u) << row.name;
  }
  EXPECT_LT(Events().size(), kMaxTypes);
  EXPECT_EQ(FindEvent("nosuch"), kNoType);
  EXPECT_EQ(EventName(kNoType), "");
  EXPECT_EQ(EventName(60000), "");
}

TEST(Events, NumbersOfBothTables) {
  const EventRow& open = Events()[FindEvent("openat2") - 1];
  EXPECT_EQ(open.nr64, 437);
  EXPECT_EQ(open.nr32, 437);
  EXPECT_EQ(Events()[FindEvent("execve") - 1].nr64, 59);
  EXPECT_EQ(Events()[FindEvent("execve") - 1].nr32, 11);
  EXPECT_EQ(Events()[FindEvent("fchmodat2") - 1].nr64, 452);
  EXPECT_EQ(Events()[FindEvent("procexit") - 1].nr64, -1);
  std::set<int> numbers64, numbers32;
  for (const EventRow& row : Events()) {
    EXPECT_TRUE(row.nr64 < 0 || numbers64.insert(row.nr64).second) << row.name;
    EXPECT_TRUE(row.nr32 < 0 || numbers32.insert(row.nr32).second) << row.name;
  }
}

TEST(Hooks, NamesAreFound) {
  EXPECT_EQ(FindHook("file_open")->id, SLUICE_HOOK_FILE_OPEN);
  EXPECT_EQ(FindHook("nosuch"), nullptr);
  EXPECT_EQ(FindHook(kNoHook), nullptr);
}

TEST(Operators, FitByTypeAndShape) {
  using ast::Op;
  EXPECT_TRUE(Fits(Op::kContains, Type::kString, Shape::kScalar));
  EXPECT_FALSE(Fits(Op::kContains, Type::kInt, Shape::kScalar));
  EXPECT_FALSE(Fits(Op::kBContains, Type::kString, Shape::kScalar));
  EXPECT_TRUE(Fits(Op::kBContains, Type::kBytes, Shape::kScalar));
  EXPECT_FALSE(Fits(Op::kLt, Type::kBool, Shape::kScalar));
  EXPECT_TRUE(Fits(Op::kLt, Type::kPort, Shape::kEither));
  EXPECT_FALSE(Fits(Op::kEq, Type::kString, Shape::kList));
  EXPECT_EQ(FittingOperators(Type::kString, Shape::kList), "`in`, `intersects`, `exists`");
  EXPECT_FALSE(FitsTerm(Op::kRegex, Type::kString, Shape::kScalar));
  EXPECT_FALSE(FitsTerm(Op::kEq, Type::kNet, Shape::kScalar));
  EXPECT_TRUE(FitsTerm(Op::kGlob, Type::kString, Shape::kScalar));
}

}  // namespace
}  // namespace sluice::check
