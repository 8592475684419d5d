"""What the figures of posterior maps show, and what a good result looks like in them."""

from __future__ import annotations

from typing import Final

CAPTIONS: Final = {
    "Profiles": (
        "Above: mean profile of all clusters, true (black) and posterior mean; the band is the mean 68 % interval of a"
        " single cluster. Below: its fractional error; bars: 68 % bootstrap over clusters. Good: bars on the line, well"
        " inside the band. Dotted: 5 %."
    ),
    "Power and correlation": (
        "b(k) of single samples, and 1 - r(k) with the truth of samples (thin) and the posterior mean (thick). Grey:"
        " what a linear map of one input, or of its log10, reaches. Good: b at one, and 1 - r of the mean below the"
        " grey lines at every k. Bands: 68 % bootstrap over clusters."
    ),
    "Standardised errors": (
        "(posterior mean - truth) / sd of all pixels of log10 of the maps, before and after recalibration. Dashed:"
        " N(0, 1); dotted: Student's distribution of as many samples. Good: on the dotted line. Narrower:"
        " under-confident; wider: over-confident."
    ),
    "How many samples": (
        "Pixel-averaged variance of the first N samples over that of all: median and 95 % of clusters and orderings."
        " Good: inside the grey 5 % long before all samples are used, where it ends at one by construction. Dashed:"
        " the number of samples for convergence."
    ),
    "Ranks": (
        "Distribution of the ranks of true functionals among their samples, minus that of uniform ones; one line each,"
        " red where it leaves the grey simultaneous 95 % band. Good: one line in twenty leaves it. An S that falls"
        " first: under-confident; that rises first: over-confident; an arch: bias."
    ),
    "Joint coverage": (
        "Tests of accuracy with random points: expected coverage minus credibility. Good: the zero line within each"
        " method's band (95 % bootstrap over clusters). Below zero on the right: over-confident."
    ),
    "Coverage of M(<R)": (
        "Part of the truths inside the 68 and 95 % intervals against radius. Bars: 68 % bootstrap over clusters. Good:"
        " inside the grey 3 points."
    ),
    "Error against evaluations": (
        "Gate C5: largest error of the posterior's standard deviation against a long reference, on the trained network."
        " Filled: error and coverage shift inside the gate. Dashed: 2 %. Good: below the line with few evaluations."
    ),
    "Mass from maps": (
        "Residuals of log10 M200c from the maps and from the network that gives one number, with stated errors; and one"
        " against the other. Good: around zero. Errors that lie along the diagonal are what both take from the views."
    ),
    "Example clusters": (
        "Clusters that the networks have not seen: views, truth, posterior mean, standard deviation of log10, and three"
        " samples, on the colours of the truth. Good: samples look like the truth and differ from each other where the"
        " standard deviation is large."
    ),
    "Training": (
        "Good: both curves fall and level off together. A validation loss that rises again is overfitting."
    ),
}
"""By title."""
