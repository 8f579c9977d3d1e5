// trusted.h - may a file decide what this agent does?
//
// Only when nobody but root, or the agent's own user, can change it: the file and every folder above it belong to one of
// the two and are not writable for group or others, where it is named and where links lead. (A folder with the sticky bit,
// as /tmp, counts as safe: others cannot replace a file in it.)
//
// Threads: a pure function of the file system. Errors: kPermissionDenied that names what is wrong; kNotFound.
#pragma once

#include <string>

#include "compiler/source/source.h"

namespace sluice {

source::Status Trusted(const std::string& path);

}  // namespace sluice
