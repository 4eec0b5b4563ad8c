#include "core/delivery/warm_up_answer.h"

#include <algorithm>

#include "core/replies/said.h"
#include "core/site/throttling.h"

namespace mailpool::delivery {
namespace {

// By class: what a new address hears that sends more than it is trusted with.
bool is_about_the_source(replies::ReplyClass is) {
  using enum replies::ReplyClass;
  switch (is) {
    case RateLimited:
    case TooManyConnections:
    case IpBlocklisted:
    case IpReputation:
    case ReverseDnsOrHelo:
      return true;
    case NoSuchUser:
    case MailboxFull:
    case MailboxDisabled:
    case RelayDenied:
    case BadAddressSyntax:
    case NoSuchDomain:
    case Greylisted:
    case TooManyRecipients:            // of one message
    case TooManyMessagesOnConnection:  // of one connection
    case DomainReputation:
    case ContentSpam:
    case ContentVirusOrAttachment:
    case UrlBlocklisted:
    case AuthPolicy:
    case TlsRequiredOrFailed:
    case LoginRequiredOrFailed:
    case MessageTooBig:
    case ProtocolError:
    case ServerBusyOrShutdown:
    case ServerFault:
    case PolicyOther:
    case Unknown:
      break;
  }
  return false;
}

}  // namespace

site::WarmUpAnswer warm_up_answer(std::span<Remark const> remarks, bool is_delivered,
                                  replies::Classifier const& classifier, std::string const& site) {
  if (is_delivered) return site::WarmUpAnswer::Taken;
  bool const is_put_off = std::any_of(remarks.begin(), remarks.end(), [&](Remark const& remark) {
    // What slows the path down (throttling.h) counts whatever rules of classes say.
    if (site::meaning_of(remark) == site::Meaning::Throttle) return true;
    auto said = replies::said_of(replies::stage_of(remark.at), own_words(remark));
    said.site = site;
    return is_about_the_source(classifier.classify(said).is);
  });
  return is_put_off ? site::WarmUpAnswer::PutOff : site::WarmUpAnswer::Nothing;
}

}  // namespace mailpool::delivery
