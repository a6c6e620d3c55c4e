"""A rule that keeps what it gives back, and gives back one matrix for several slots. For the tests of the SDK."""

import ft_plugin as ft


class Keeper(ft.MetaOptimizer):
    description = ft.Description("keeper", "0.1.0", "C = P, the first time; then the keys' P + C / 2 of the time before").integer(
        "missing", 0, "the step in which it looks for a matrix that is not there", minimum=0
    )

    def __init__(self, options):
        self.missing = options.integer("missing")
        self.last = None

    def step(self, step):
        slots = step.proposal()
        if step.number == self.missing:
            return ft.Update([self.last[len(slots)] for slot in slots])
        if self.last is None:
            self.last = [slot.proposed for slot in slots]
        else:
            keys = slots[0].proposed + self.last[0] / 2
            self.last = [keys for slot in slots]
        return ft.Update(self.last, converged=step.number > 3)


Info, MetaOptimizer = ft.export_optimizer(Keeper)
