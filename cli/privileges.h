// privileges.h - what the agent may do, made as little as it needs.
#pragma once

namespace sluice::cli {

// Keeps, of the capabilities that the process has, those that loading programs, reading /proc and reading the rules
// take, in every set, for good; and no exec may ever give more. REQUIRES: called before the first thread.
void DropPrivileges();

}  // namespace sluice::cli
