"""{{name}}: the cache goes a part of the way to what a further pass proposes, `C_t = C_{t-1} + rate * (P_t - C_{t-1})`.
Replace it by your rule."""

import ft_plugin as ft


class {{Name}}Rule(ft.MetaOptimizer):
    description = ft.Description("{{name}}", "0.1.0", "a part of the way to what a further pass proposes").number(
        "rate", 0.1, "how far to go in each step", minimum=0.0, maximum=1.0
    )

    def __init__(self, options):
        self.rate = options.number("rate")

    def step(self, step):
        """Tensors stay on the host's device; every operation makes a new one."""
        return ft.Update([self.moved(slot.previous, slot.proposed) for slot in step.proposal()])

    def moved(self, previous, proposed):
        return previous.add_scaled(proposed.add_scaled(previous, -1.0), self.rate)


# `selected` adds the options `update`, `skip_first` and `layers` to any rule.
Info, MetaOptimizer = ft.export_optimizer(ft.selected({{Name}}Rule))
