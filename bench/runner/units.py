"""units.py - figures as text: three digits, in a unit that suits the size. A metric has its unit in its name."""

SCALES = {
    "ns": [("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)],
    "us": [("µs", 1), ("ms", 1e3), ("s", 1e6)],
    "ms": [("ms", 1), ("s", 1e3)],
    "s": [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1)],
    "kib": [("KiB", 1), ("MiB", 1024), ("GiB", 1 << 20)],
    "mib": [("MiB", 1), ("GiB", 1024)],
    "mb": [("MB", 1), ("GB", 1e3)],
}


def digits(value):
    """Three significant digits, without an exponent."""
    size = abs(value)
    if size >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 else f"{value:.3g}"


def unit_of(metric):
    """The last word of the name that is a unit (time_ns), or None. Quantiles of a histogram are nanoseconds."""
    words = metric.split("_")
    if "per" in words:
        return None
    units = [word for word in words if word in SCALES]
    return units[-1] if units else "ns" if words[-1] in ("p50", "p90", "p99", "p999", "p9999", "max") else None


def quantity(value, metric):
    """The value of a metric with its unit; "failed" is no business of this."""
    scale = SCALES.get(unit_of(metric))
    if scale is None:
        return digits(value)
    fitting = [(name, factor) for name, factor in scale if abs(value) >= factor] or scale[:1]
    name, factor = fitting[-1] if value else scale[0]
    return f"{digits(value / factor)} {name}"


def ratio(value):
    if value < 0.095:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def percent(part):
    """A spread, small ones with a digit more."""
    return f"{part * 100:.1f} %" if part < 0.0995 else f"{part * 100:.0f} %"


def label(metric):
    """A metric's name as a heading: the unit goes to the figures."""
    words = [word for word in metric.split("_") if word != unit_of(metric)]
    return " ".join(words).replace("p999", "p99.9").replace("rss", "RSS")
