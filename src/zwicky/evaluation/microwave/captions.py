"""What the figures of the microwave report show, and what a good result looks like in them."""

from __future__ import annotations

from typing import Final

CAPTIONS: Final = {
    "Trained masses": (
        "Above: estimated against true mass, median and 16 to 84 % of the maps; the dashed line is the truth. Below: "
        "(median - true) / sigma, sigma half of that range; grey: within one. Good: on the line, inside the grey band. "
        "Methods stand side by side at one mass. After Gupta & Reichardt 2020."
    ),
    "Other masses": (
        "As before, at masses that were not taught: between the trained ones (filled) and beyond them (open). Shaded: "
        "the trained range. A method that has saturated answers there with the nearest trained mass: its points lie on "
        "a level, not on the line. After Gupta & Reichardt 2020."
    ),
    "SZ profile": (
        "Above: mean of the true SZ signal over maps, at 150 GHz. Below, logarithmic: the size of this signal, and of "
        "predicted minus true (filled: too much decrement, open: too little), with standard errors. Dashed: two orders "
        "of magnitude below the greatest signal. Good: points below the dashed line. After Gupta & Reichardt 2020."
    ),
    "Scatter of the mass": (
        "Left: ln(M_est / M_true) with Gaussian fits, without scatter of the SZ signal and with scatter stated on Y "
        "and on M. Right: realistic clusters, before and after the estimate is multiplied by r. One row for each "
        "method. Good: wider with scatter than without, by what was injected; centred on zero after rescaling. After "
        "Gupta & Reichardt 2020."
    ),
    "Scatter by S/N": (
        "Above: half of the 16 to 84 % range of ln(M_est r / M_true) of each method in bins of the matched filter's "
        "S/N. Below: that of the network over that of the baseline, on the same clusters. Bars: 95 % bootstrap over "
        "clusters. Below the dashed line the network scatters less. Scatter knows no bias: see the error in the table."
    ),
    "Empty skies": (
        "Masses that each method gives to skies without a cluster, and the threshold from which on they count. Good: "
        "nothing to the right of the dashed line. The legend gives the rate with its exact 95 % interval."
    ),
}
"""By title."""
