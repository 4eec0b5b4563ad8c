#pragma once
// What a server's replies mean for a source that is being warmed up.

#include <span>
#include <string>

#include "core/message/remark.h"
#include "core/replies/classifier.h"
#include "core/site/warm_up.h"

namespace mailpool::delivery {

/// The answer to a message, or to a connection that carried none, as one: taken if one recipient
/// was; else put off if a remark speaks of the address that connects, or of its pace.
[[nodiscard]] site::WarmUpAnswer warm_up_answer(std::span<Remark const> remarks, bool is_delivered,
                                                replies::Classifier const& classifier,
                                                std::string const& site);

}  // namespace mailpool::delivery
