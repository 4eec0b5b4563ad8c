#pragma once
// Which versions of Postfix the table was tried with.

namespace mailpool::postfix {

/// "3.7.11", "3.12-20260101"; null or anything odd is not tested. 3.5 to 3.11 are.
[[nodiscard]] bool is_tested_version(char const* mail_version);

}  // namespace mailpool::postfix
