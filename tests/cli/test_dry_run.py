"""How large a run will be, said before it is begun."""

from zwicky.workflows.mapping.experiment import read_mapping_experiment


def rows_of(text):
    """Return the cells of each network's row, by its name."""
    lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
    return {
        cells[0]: cells[1:] for cells in ([c.strip() for c in line.strip("| ").split("|")] for line in lines)
    }


def test_every_network_is_told_with_its_memory(zwicky, empty_folder):
    done = zwicky("reproduce", "deandres2024", "--preset", "paper", "--dry-run")
    assert (done.status, done.err) == (0, "")
    rows = rows_of(done.out)
    assert list(rows) == list(read_mapping_experiment("deandres2024", "paper").networks)
    assert rows["multi1"][:3] == ["6.82 million", "64", "bf16-mixed"]
    for row in rows.values():
        weights, activations, step = (float(cell.removesuffix(" GiB")) for cell in row[3:])
        assert weights > 0.1
        assert 0.3 < activations < 2.0
        assert abs(step - weights - activations) < 0.011
    assert "geometry scaled: at most 146160 sets of 5 maps on 80 x 80 pixels" in done.out
    assert "geometry peak: at most 146160 sets of 4 maps" in done.out
    assert not list(empty_folder.iterdir())


def test_an_experiment_without_mass_maps_cannot_say(zwicky, empty_folder):
    done = zwicky("reproduce", "deandres2022", "--dry-run")
    assert (done.status, done.out) == (2, "")
    assert "ConfigError: This experiment cannot say beforehand how large it is." in done.err
    assert "--dry-run" in done.err
    assert "deandres2022" in done.err
    assert not list(empty_folder.iterdir())
