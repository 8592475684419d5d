"""What the figures of the mapping report show, and what a good result looks like in them."""

from __future__ import annotations

from typing import Final

CAPTIONS: Final = {
    "Relative difference of pixels": (
        "(predicted - true) / true of all pixels of all maps, on the whole map, within R500 and within half "
        "of it. Good: narrow, and centred on zero. The legend gives the median with what lies between it and "
        "the 84 and 16 %. The figure 6 of de Andres et al. 2024."
    ),
    "Mass within a radius": (
        "Relative error of the mass in a cylinder: median and 16 to 84 % of the clusters, by mass interval "
        "(rows), for each network (columns). Good: a narrow band about zero at all radii. Grey: the linear "
        "map of all views. The figure 7 of de Andres et al. 2024."
    ),
    "Mass between two radii": (
        "As before, in rings: an error inside no longer shifts what lies outside of it. Bands are wider, "
        "because less mass is counted."
    ),
    "Power": (
        "Above: median power of true (black) and predicted maps. Below: (predicted - true) / true, median and "
        "16 to 84 % of the maps. Good: zero. Below zero on small scales: the map is too smooth, as expected "
        "of views that do not show these scales, for the mean of what is possible is smooth. The figure 8 of "
        "de Andres et al. 2024."
    ),
    "Correlation with the truth": (
        "Left: what is missing of a perfect correlation, 1 - r(k); lower is better. Right: b(k), the root of "
        "the ratio of powers. Dashed: linear maps; dotted: the bare view, whose r(k) no filter in k changes. "
        "Good: every network below every baseline at every scale. Bands: 68 % bootstrap over parents."
    ),
    "Maximum mean discrepancy": (
        "Distance between the populations of true and predicted maps, by mass interval. Dashed: the true maps "
        "with multiplicative noise of so many percent. Dotted: what two halves of the truth, of different "
        "clusters, differ by in 84 of 100 splits; predictions of the same clusters can be told apart below "
        "it. Good: low. The figure 9 of de Andres et al. 2024."
    ),
    "Coverage of M(<R)": (
        "How often the true mass in a cylinder lies inside the 68 and 95 % intervals. The grey bands are "
        "three points wide on either side. Below: error bars too small; above: too large. Coloured bands: 68 "
        "% bootstrap over parents."
    ),
    "Example maps": (
        "From left to right: what the network is given, the truth, its mean, its standard deviation in "
        "percent of the mean, and how far it is off, in percent. Good: the error looks like noise of the size "
        "of the standard deviation."
    ),
    "Gas and star fractions": (
        "Mass of gas and of stars over all mass inside a cylinder of R500, against mass, for each simulation: "
        "median and 16 to 84 %. Where the simulations differ, a network that knows one of them errs on the "
        "other. The figures A1 and A2 of de Andres et al. 2024."
    ),
    "Other physics, other masses": (
        "Error of M(<R200) of networks that were taught on one sample (labels) and tested on each: median and "
        "16 to 84 % of the clusters. Crosses: the linear map fitted on the same sample. Good: at zero, and as "
        "narrow where it was not taught as where it was. Compare figure A3 of de Andres et al. 2024."
    ),
    "Learning curve": (
        "The same network taught on more and more clusters. Where the curve still falls, more clusters would "
        "help; where it is flat, they would not."
    ),
    "Training": (
        "Good: both curves fall and level off together. A validation loss that rises again is overfitting."
    ),
}
"""By title."""
