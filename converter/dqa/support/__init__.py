"""What every room uses: settings, progress, files and processes that end well, the files that come with the package."""
