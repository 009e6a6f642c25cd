// Why a batch became a dead letter, in words.
export const reasons = {
  rejected: "the far end refused it",
  poison: "it made the far end fail",
  too_large: "too large for the far end",
  partial_success: "the far end took only a part",
  expired: "too old",
  damaged: "its stored bytes were damaged",
};
