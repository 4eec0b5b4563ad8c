#include "core/message/remark.h"

namespace mailpool {

std::string_view name_of(Step step) {
  switch (step) {
    case Step::Connect:
      return "connect";
    case Step::Ehlo:
      return "ehlo";
    case Step::Mail:
      return "mail";
    case Step::Rcpt:
      return "rcpt";
    case Step::Data:
      return "data";
    case Step::End:
      return "end";
    case Step::Idle:
      return "idle";
  }
  return "";
}

}  // namespace mailpool
