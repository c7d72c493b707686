# The addon: every source of src/ in one shared object, Node-API 9, so that one binary serves
# Node 20 and later. On another platform than Linux nothing is built.
{
  'targets': [
    {
      'target_name': 'umap',
      'conditions': [
        [
          'OS=="linux"',
          {
            'sources': ['<!@(node list-sources.mjs)'],
            'include_dirs': [
              'src',
              '<!(node -p "require(\'node-addon-api\').include_dir")',
            ],
            'defines': [
              'NAPI_VERSION=9',
              'NAPI_DISABLE_CPP_EXCEPTIONS',
              'NODE_ADDON_API_DISABLE_DEPRECATED',
              '_GNU_SOURCE',
              '_FILE_OFFSET_BITS=64',
            ],
            'cflags!': ['-O3', '-Wno-unused-parameter'],
            'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-O3'],
            'cflags': [
              '-O2',
              '-g',
              '-Wall',
              '-Wextra',
              '-Werror',
              '-fno-omit-frame-pointer',
              '-fvisibility=hidden',
            ],
            # Nothing is bound in a signal handler.
            'ldflags': ['-Wl,-z,now'],
            'cflags_cc': [
              '-std=c++20',
              '-fno-exceptions',
              '-fvisibility-inlines-hidden',
            ],
          },
          {'type': 'none'},
        ],
      ],
    },
  ],
}
