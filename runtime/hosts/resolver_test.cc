#include "runtime/hosts/resolver.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace sluice::hosts {
namespace {

using namespace std::chrono_literals;

constexpr Address kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};

std::shared_ptr<const Table> Wait(Resolver& resolver) {
  for (int i = 0; i < 1000; ++i) {
    if (std::shared_ptr<const Table> table = resolver.Take()) return table;
    std::this_thread::sleep_for(10ms);
  }
  return nullptr;
}

// Numbers need no server.
TEST(Resolver, AnAddressHasTheNamesThatStandForIt) {
  const auto opened = Resolver::Open();
  ASSERT_TRUE(opened.ok());
  Resolver& resolver = **opened;
  resolver.Ask({"127.0.0.1", "::1", "127.0.0.1", "127.1"});
  const std::shared_ptr<const Table> table = Wait(resolver);
  ASSERT_NE(table, nullptr);
  ASSERT_EQ(table->size(), 2u);
  EXPECT_EQ(table->at(kLoopback), (std::vector<std::string>{"127.0.0.1", "127.1"}));
  EXPECT_EQ(resolver.Take(), nullptr) << "nothing has changed";
}

TEST(Resolver, FollowsWhatIsAsked) {
  const auto opened = Resolver::Open();
  ASSERT_TRUE(opened.ok());
  Resolver& resolver = **opened;
  resolver.Ask({"127.0.0.1"});
  ASSERT_NE(Wait(resolver), nullptr);
  resolver.Ask({"10.0.0.1"});
  const std::shared_ptr<const Table> table = Wait(resolver);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->count(kLoopback), 0u);
  EXPECT_EQ(table->size(), 1u);
}

TEST(Resolver, WhatIsNoNameStandsForNothing) {
  EXPECT_TRUE(Resolve("").empty());
  EXPECT_TRUE(Resolve("no spaces here").empty());
  EXPECT_TRUE(Resolve(std::string(300, 'x')).empty());
}

}  // namespace
}  // namespace sluice::hosts
